"""A run's messages: sent again, as a broker that loses its memory would, or worked off by hand."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from celery import current_app

from sagas.engine.admission import Message
from sagas.engine.definition import Saga
from sagas.engine.local import run_local
from sagas.engine.publishing import message, queue_length
from sagas.engine.remote import run_remote
from sagas.models import ACTIVE, Run, RunStatus


def deliver(run: Run, position: int, epoch: int, *, forward: bool) -> None:
    """The message of one step, published alone."""
    saga = Saga.registry[run.saga]
    act = saga.action(position, forward=forward)
    message(act, str(run.pk), position, epoch).apply_async()


def deliver_every_message_again(run_id: UUID) -> None:
    """Every message this run could ever have sent, forward and back, under each of its epochs."""
    run = Run.objects.get(pk=run_id)
    saga = Saga.registry[run.saga]
    for epoch in range(1, run.epoch + 2):
        for position in range(1, saga.length + 1):
            deliver(run, position, epoch, forward=True)
            if saga.step(position).compensate:
                deliver(run, position, epoch, forward=False)


def in_hand(run_id: UUID) -> Callable[[], object] | None:
    """What a worker would do with the run's next message; None once there is none."""
    run = Run.objects.get(pk=run_id)
    if run.status not in ACTIVE:
        return None
    forward = run.status != RunStatus.COMPENSATING
    act = Saga.registry[run.saga].action(run.position, forward=forward)
    carry = run_remote if act.remote else run_local
    return partial(carry, Message(run.pk, run.position, run.epoch))


def carry(run_id: UUID) -> bool:
    """Do it here; False once there is nothing to do."""
    if (act := in_hand(run_id)) is None:
        return False
    act()
    return True


def to_its_end(run_id: UUID) -> None:
    """Do all of it here."""
    while carry(run_id):
        pass


def all_is_quiet() -> bool:
    """No message waits, and none is being worked on."""
    with current_app.connection_or_acquire() as broker:
        return queue_length() == 0 and broker.default_channel.client.zcard("unacked_index") == 0
