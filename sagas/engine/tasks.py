"""The Celery side: the bodies of all step tasks, the errback, and the beat's sweep."""

from collections.abc import Callable
from uuid import UUID

from celery import Task, shared_task
from celery.exceptions import Ignore
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models.functions import Now

from campusg.conflicts import TRIES, was_broken_off
from campusg.points import Point, reach
from sagas.engine import progress, publishing, sweeping
from sagas.engine.admission import Message, Outcome, Then
from sagas.engine.definition import Saga
from sagas.engine.local import run_local
from sagas.engine.remote import run_remote
from sagas.models import Run, RunStatus


def carry_local(task: Task, run_id: str, position: int, epoch: int) -> None:
    """Run one message for a local participant, as a step or as a compensation."""
    _conclude(task, _reconnecting(run_local, Message(UUID(run_id), position, epoch)))


def carry_remote(task: Task, run_id: str, position: int, epoch: int) -> None:
    """Run one message for a participant that calls out, and the local steps that follow it."""
    outcome = _reconnecting(run_remote, Message(UUID(run_id), position, epoch))
    if outcome.here and settings.SAGA_FAST_PATH != "off":
        outcome = _reconnecting(run_local, Message(UUID(run_id), outcome.position, epoch))
    _conclude(task, outcome)


def _conclude(task: Task, outcome: Outcome) -> None:
    if outcome.then is Then.STOP:
        raise Ignore
    if outcome.then is Then.REFUSED:
        raise publishing.StepRefused(outcome.why)
    publishing.trim(task, outcome.position)


def register(saga: Saga) -> None:
    """Make the saga runnable by this process."""
    publishing.register(saga, carry_local, carry_remote)


@shared_task(name="sagas.on_fail")
def on_fail(run_id: str) -> None:
    """The errback. It only hurries what the sweep would do: whether the run compensates was
    decided in the database, and an errback that is lost or called twice changes nothing. A task
    that raises again and again is left to the sweep and its back-off."""
    reach(Point.ERRBACK, UUID(run_id))
    just_turned = Run.objects.filter(
        pk=run_id, status=RunStatus.COMPENSATING, changed_at__gt=Now() - progress.GRACE
    )
    run = just_turned.first()
    if run is not None:
        publishing.publish(run)


@shared_task(name="sagas.sweep")
def sweep() -> None:
    """Beat's tick; the workers' own threads do the same."""
    sweeping.sweep()


def _reconnecting(run: Callable[[Message], Outcome], message: Message) -> Outcome:
    """Once more on a fresh connection if the database went away, and twice more if it broke the
    transaction off for another's sake. Whether a lost transaction was committed does not matter:
    the run's position says so."""
    for tried in range(1, TRIES + 1):
        try:
            return run(message)
        except (OperationalError, InterfaceError) as error:
            gone = not connection.is_usable()
            if gone:
                connection.close()
            if tried == TRIES or not (gone or was_broken_off(error)):
                raise
    raise AssertionError("every round returns or raises")
