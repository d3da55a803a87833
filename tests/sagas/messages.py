"""Sending a run's messages again, as a broker that loses its memory would."""

from uuid import UUID

from celery import current_app

from sagas.engine.definition import Saga
from sagas.engine.publishing import message, queue_length
from sagas.models import Run


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


def all_is_quiet() -> bool:
    """No message waits, and none is being worked on."""
    with current_app.connection_or_acquire() as broker:
        return queue_length() == 0 and broker.default_channel.client.zcard("unacked_index") == 0
