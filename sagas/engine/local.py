"""Local steps: effect, log, facts, events and position in one transaction, many steps at once."""

import logging
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from campusg.errors import Refused
from campusg.points import Point, reach
from sagas.engine import progress, store
from sagas.engine.admission import STOP, Message, Outcome, Then, Verdict, admit, answer, go_on
from sagas.engine.definition import Saga, saga_named
from sagas.models import Run, StepLog, StepState

log = logging.getLogger(__name__)

#: A batch holds one row lock; longer than this and others would feel it.
BATCH_SECONDS = 0.05


def run_local(message: Message) -> Outcome:
    """Run the local step of `message` and, as `SAGA_FAST_PATH` says, those that follow it.

    If a step of a batch fails, none of them happened: those before it run once more, and then it
    alone, so that log and outcome are those of the slow path.
    """
    reach(Point.MESSAGE, message.run_id)
    deadline = time.monotonic() + BATCH_SECONDS
    alone = 0
    while True:
        try:
            outcome = (
                _single(message)
                if message.position == alone
                else _batch(message, alone=alone, deadline=deadline)
            )
        except _StepFailed as failure:
            alone = failure.position
            continue
        reach(Point.COMMITTED, message.run_id)
        if not outcome.here or settings.SAGA_FAST_PATH == "off" or time.monotonic() > deadline:
            return outcome
        message = Message(message.run_id, outcome.position, message.epoch)


class _StepFailed(Exception):
    """The step at `position` failed, and the batch that it was part of was rolled back."""

    def __init__(self, position: int) -> None:
        self.position = position


def _batch(message: Message, *, alone: int, deadline: float) -> Outcome:
    """Hopefully: one transaction for many steps, up to the one that has to run `alone`."""
    at = message.position
    try:
        with transaction.atomic():
            run = store.lock_run(message.run_id)
            verdict = admit(run, message)
            if verdict is not Verdict.RUN or run is None:
                return answer(verdict, run)
            saga, forward, facts, rows = _saga(run), run.forward, run.facts, []
            while True:
                facts, row = do(saga, run, at, facts)
                rows.append(row)
                to = saga.after(at, forward=forward)
                if to == alone or not saga.is_local(to, forward=forward):
                    break
                if settings.SAGA_FAST_PATH != "batch" or time.monotonic() > deadline:
                    break
                at = to
            progress.advance(run, saga, to, facts, rows)
            reach(Point.EFFECT, run.pk)
            return go_on(run, saga)
    except Exception as error:
        if _connection_broke(error):
            raise
        log.debug("run %s: rolled back at step %s: %r", message.run_id, at, error)
        raise _StepFailed(at) from error


def _single(message: Message) -> Outcome:
    """One step in one transaction, its effect inside a savepoint: a refusal takes the effect back
    and turns the run round under the very lock under which it was raised."""
    with transaction.atomic():
        run = store.lock_run(message.run_id)
        verdict = admit(run, message)
        if verdict is not Verdict.RUN or run is None:
            return answer(verdict, run)
        saga = _saga(run)
        try:
            with transaction.atomic():
                facts, row = do(saga, run, run.position, run.facts)
        except Refused as refusal:
            outcome = refused(run, saga, refusal)
        except Exception as error:
            if _connection_broke(error):
                raise
            outcome = failed(run, saga, error)
        else:
            to = saga.after(run.position, forward=run.forward)
            progress.advance(run, saga, to, facts, [row])
            outcome = go_on(run, saga)
        reach(Point.EFFECT, run.pk)
        return outcome


def do(
    saga: Saga, run: Run, position: int, facts: dict[str, Any]
) -> tuple[dict[str, Any], StepLog]:
    """Run one local step inside the caller's transaction; the facts after it and its log line."""
    gained = saga.action(position, forward=run.forward).run(facts)
    return facts | gained, progress.line(
        run, saga, position, StepState.DONE, attempt=run.attempt + 1
    )


def refused(run: Run, saga: Saga, refusal: Refused) -> Outcome:
    """Business says no: compensate; skip an optional step; past the pivot a person decides. So
    does one when a pivot that calls out says no in a way that it never announced: perhaps it
    happened."""
    why = f"{saga.action(run.position, forward=run.forward).name}: {refusal}"
    row = progress.line(run, saga, run.position, StepState.REFUSED, error=str(refusal),
                        attempt=run.attempt + 1)  # fmt: skip
    if run.forward and saga.step(run.position).optional:
        return _skip(run, saga, row, why)
    store.write_log([row])
    announced = isinstance(refusal, saga.action(run.position, forward=run.forward).refuses)
    return _stop_or_turn(run, saga, why, certain=announced)


def failed(run: Run, saga: Saga, error: Exception) -> Outcome:
    """It broke: try again later; when the tries are used up, do as after a refusal."""
    act = saga.action(run.position, forward=run.forward)
    why = f"{act.name}: {error!r}"
    run.attempt += 1
    row = progress.line(run, saga, run.position, StepState.FAILED, error=repr(error),
                        attempt=run.attempt)  # fmt: skip
    log.warning("saga %s run %s try %s of %s", run.saga, run.pk, run.attempt, why, exc_info=error)
    if run.attempt < act.retry.tries:
        store.write_log([row])
        seconds = act.retry.delay(run.attempt) * settings.SAGA_RETRY_SCALE
        progress.retry_at(run, run.db_now + timedelta(seconds=seconds))
        store.save(run)
        return STOP
    if run.forward and saga.step(run.position).optional:
        return _skip(run, saga, row, why)
    store.write_log([row])
    return _stop_or_turn(run, saga, why, certain=False)


def _skip(run: Run, saga: Saga, row: StepLog, why: str) -> Outcome:
    log.error("saga %s run %s goes on without an optional step: %s", run.saga, run.pk, why)
    progress.advance(run, saga, run.position + 1, run.facts, [row])
    return go_on(run, saga)


def _stop_or_turn(run: Run, saga: Saga, why: str, *, certain: bool) -> Outcome:
    """`certain`: the step at hand has surely not happened. A local one never has."""
    if not run.forward:
        progress.give_up_undoing(run, saga, why)
        return go_on(run, saga)
    if run.position > (saga.pivot if certain else saga.last_turn):
        progress.park(run, saga, why, "Nothing is undone after the pivot: mend the cause, resume.")
        store.save(run)
        return STOP
    progress.begin_compensation(run, saga, why)
    return Outcome(Then.REFUSED, run.position, why)


def _saga(run: Run) -> Saga:
    saga = saga_named(run.saga)
    assert saga is not None, "admitted, so its table is known"
    return saga


def _connection_broke(error: Exception) -> bool:
    """True when the database went away: nothing was decided, the whole message runs again."""
    return isinstance(error, OperationalError | InterfaceError) and not connection.is_usable()
