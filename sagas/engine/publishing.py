"""Turning where a run stands into a Celery chain. A message is a hint: losing it costs a second."""

import logging
from typing import Any

from celery import Signature, Task, chain, current_app, shared_task
from django.db import transaction
from kombu.exceptions import OperationalError

from campusg.points import Point, reach
from sagas.engine.definition import Saga, saga_named
from sagas.engine.participant import Participant
from sagas.models import Run

log = logging.getLogger(__name__)

LOCAL_QUEUE, REMOTE_QUEUE = "local", "remote"
#: Kombu keeps a list per queue and priority, 0 the first to be taken from and 9 the last; whoever
#: consumes a queue consumes them all. What follows from a message inherits its priority, but an
#: errback does not.
FOREGROUND, BACKGROUND = 0, 9

#: One Celery task per participant, by its name: what logs and monitors show.
_tasks: dict[str, Task] = {}


def register(saga: Saga, local: Any, remote: Any) -> None:
    """Give every participant of the saga its Celery task, with the body for its kind."""
    for act in saga.participants:
        if act.name not in _tasks:
            declare = shared_task(bind=True, name=act.name, throws=(StepRefused,))
            _tasks[act.name] = declare(remote if act.remote else local)


class StepRefused(Exception):
    """A step was refused: fails the carrying task, so that Celery calls its link_error."""


def message(act: Participant, run_id: str, position: int, epoch: int) -> Signature:
    """The message that carries the participant, to the queue where such steps run."""
    queue = REMOTE_QUEUE if act.remote else LOCAL_QUEUE
    return _tasks[act.name].si(run_id, position, epoch).set(queue=queue)


def publish(run: Run, *, retry: bool = True) -> bool:
    """Publish the rest of the run as one chain; False when the broker can't be reached. A run
    that has ended or is paused, or whose saga this code doesn't have, has nothing to publish."""
    saga = saga_named(run.saga)
    if saga is None or run.wake_at is None or run.paused:
        return True
    forward, run_id = run.forward, str(run.pk)
    priority = BACKGROUND if run.background else FOREGROUND
    steps = [
        message(saga.action(at, forward=forward), run_id, at, run.epoch)
        for at in saga.path(run.position, forward=forward)
    ]
    # One argument at most: such an errback is a message of its own. With more it would run
    # inside the failing worker, unretried.
    errback = current_app.tasks["sagas.on_fail"].si(run_id).set(priority=priority)
    reach(Point.PUBLISHING, run.pk)
    try:
        chain(*steps).apply_async(link_error=errback, retry=retry, priority=priority)
    except (OperationalError, OSError) as error:
        log.warning("run %s not published, the sweep will: %s", run_id, error)
        return False
    reach(Point.PUBLISHED, run.pk)
    return True


def publish_after_commit(run: Run) -> None:
    """Publish the run once the transaction at hand is committed. Whatever goes wrong then is no
    longer the caller's: the sweep will do it."""

    # A function and not a partial: Django names what failed by its `__qualname__`.
    def sent() -> None:
        publish(run, retry=False)

    transaction.on_commit(sent, robust=True)


def trim(task: Task, position: int) -> None:
    """Take the elements that are already done off the carrier's chain, so that Celery publishes
    the one for `position` next, or nothing when the chain has none."""
    rest: list[dict[str, Any]] = task.request.chain or []  # type: ignore[assignment]
    while rest and rest[-1]["args"][1] != position:
        rest.pop()


def queue_length(*, background: bool = False) -> int:
    """How many messages wait in our queues, those in the background apart."""
    priority = BACKGROUND if background else FOREGROUND
    with current_app.connection_or_acquire() as broker:
        channel = broker.default_channel
        lists = (channel._q_for_pri(queue, priority) for queue in (LOCAL_QUEUE, REMOTE_QUEUE))
        return sum(map(channel.client.llen, lists))
