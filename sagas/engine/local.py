"""Local steps: effect, log, facts, events and position in one transaction, many steps at once."""

import logging
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from campusg.errors import Refused
from sagas.engine import progress, store
from sagas.engine.admission import STOP, Message, Outcome, Then, Verdict, admit, answer
from sagas.engine.definition import Saga, saga_named
from sagas.models import Run, StepLog, StepState

log = logging.getLogger(__name__)

#: A batch holds one row lock; longer than this and others would feel it.
BATCH_SECONDS = 0.05


def run_local(message: Message) -> Outcome:
    """Run the local step of `message` and, as `SAGA_FAST_PATH` says, those that follow it."""
    deadline = time.monotonic() + BATCH_SECONDS
    while True:
        outcome, saga, forward = _attempt(message)
        if outcome.then is not Then.GO_ON or settings.SAGA_FAST_PATH != "step":
            return outcome
        if not _goes_on(saga, outcome.position, forward) or time.monotonic() > deadline:
            return outcome
        message = Message(message.run_id, outcome.position, message.epoch)


def _attempt(message: Message) -> tuple[Outcome, Saga | None, bool]:
    """Hopefully first: one transaction. If anything in it fails it never happened, and the same
    steps run again one by one, so that log and outcome are those of the slow path."""
    try:
        return _batch(message)
    except Exception as error:
        if _connection_broke(error):
            raise
        log.debug("batch from step %s rolled back: %r", message.position, error)
    while True:
        outcome, saga, forward = _single(message)
        if outcome.then is not Then.GO_ON or settings.SAGA_FAST_PATH != "batch":
            return outcome, saga, forward
        if not _goes_on(saga, outcome.position, forward):
            return outcome, saga, forward
        message = Message(message.run_id, outcome.position, message.epoch)


def _batch(message: Message) -> tuple[Outcome, Saga | None, bool]:
    deadline = time.monotonic() + BATCH_SECONDS
    with transaction.atomic():
        run = store.lock_run(message.run_id)
        verdict = admit(run, message)
        if verdict is not Verdict.RUN or run is None:
            return answer(verdict, run), None, True
        saga = _saga(run)
        facts, rows, at = run.facts, [], run.position
        while True:
            facts, row = do(saga, run, at, facts)
            rows.append(row)
            at = saga.after(at, forward=run.forward)
            if settings.SAGA_FAST_PATH != "batch" or time.monotonic() > deadline:
                break
            if not _goes_on(saga, at, run.forward):
                break
        forward = run.forward
        progress.advance(run, saga, at, facts, rows)
        return _gone_on(run), saga, forward


def _single(message: Message) -> tuple[Outcome, Saga | None, bool]:
    """One step in one transaction, its effect inside a savepoint: a refusal takes the effect back
    and turns the run round under the very lock under which it was raised."""
    with transaction.atomic():
        run = store.lock_run(message.run_id)
        verdict = admit(run, message)
        if verdict is not Verdict.RUN or run is None:
            return answer(verdict, run), None, True
        saga, forward = _saga(run), run.forward
        try:
            with transaction.atomic():
                facts, row = do(saga, run, run.position, run.facts)
        except Refused as refusal:
            return refused(run, saga, refusal), saga, forward
        except Exception as error:
            if _connection_broke(error):
                raise
            return failed(run, saga, error), saga, forward
        progress.advance(run, saga, saga.after(run.position, forward=forward), facts, [row])
        return _gone_on(run), saga, forward


def do(
    saga: Saga, run: Run, position: int, facts: dict[str, Any]
) -> tuple[dict[str, Any], StepLog]:
    """Run one local step inside the caller's transaction; the facts after it and its log line."""
    gained = saga.action(position, forward=run.forward).run(facts)
    return facts | gained, progress.line(
        run, saga, position, StepState.DONE, attempt=run.attempt + 1
    )


def refused(run: Run, saga: Saga, refusal: Refused) -> Outcome:
    """Business says no: compensate; skip an optional step; past the pivot a person decides."""
    why = f"{saga.action(run.position, forward=run.forward).name}: {refusal}"
    row = progress.line(run, saga, run.position, StepState.REFUSED, error=str(refusal),
                        attempt=run.attempt + 1)  # fmt: skip
    if run.forward and saga.step(run.position).optional:
        return _skip(run, saga, row, why)
    store.write_log([row])
    return _stop_or_turn(run, saga, why)


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
    return _stop_or_turn(run, saga, why)


def _skip(run: Run, saga: Saga, row: StepLog, why: str) -> Outcome:
    log.error("saga %s run %s goes on without an optional step: %s", run.saga, run.pk, why)
    progress.advance(run, saga, run.position + 1, run.facts, [row])
    return _gone_on(run)


def _stop_or_turn(run: Run, saga: Saga, why: str) -> Outcome:
    if not run.forward:
        progress.give_up_undoing(run, saga, why)
        return _gone_on(run)
    if run.position > saga.pivot:
        progress.park(run, saga, why, "Nothing is undone after the pivot: mend the cause, resume.")
        store.save(run)
        return STOP
    progress.begin_compensation(run, saga, why)
    return Outcome(Then.REFUSED, run.position, why)


def _gone_on(run: Run) -> Outcome:
    return Outcome(Then.GO_ON, run.position) if run.wake_at else STOP


def _goes_on(saga: Saga | None, position: int, forward: bool) -> bool:
    """True when the step at `position` can join this batch: there is one, and it is local."""
    if saga is None or not 0 < position <= saga.length:
        return False
    return not saga.action(position, forward=forward).remote


def _saga(run: Run) -> Saga:
    saga = saga_named(run.saga)
    assert saga is not None, "admitted, so its table is known"
    return saga


def _connection_broke(error: Exception) -> bool:
    """True when the database went away: nothing was decided, the whole message runs again."""
    return isinstance(error, OperationalError | InterfaceError) and not connection.is_usable()
