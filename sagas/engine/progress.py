"""Moving a run whose row is locked: forward, into compensation, to its end, to a person."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sagas.engine import store
from sagas.engine.definition import Saga
from sagas.models import Direction, Run, RunStatus, StepLog, StepState

log = logging.getLogger(__name__)

#: After progress a message is on its way; only after this long does the sweep doubt it.
GRACE = timedelta(seconds=1)


def advance(run: Run, saga: Saga, to: int, facts: dict[str, Any], rows: Sequence[StepLog]) -> None:
    """Record steps that are done and stand at `to`; ends the run when nothing is left."""
    run.facts = facts
    _move(run, to)
    store.write_log(rows)
    if run.forward and to > saga.length:
        end(run, saga, RunStatus.COMPLETED)
    elif not run.forward and to < 1:
        end(run, saga, RunStatus.COMPENSATED)
    store.save(run)


def begin_compensation(run: Run, saga: Saga, reason: str) -> None:
    """Turn round: from this commit on forward messages are stale and calls in flight fenced off."""
    run.status = RunStatus.COMPENSATING
    run.reason = reason
    run.epoch += 1
    run.fence += 1
    _move(run, saga.undo_from(run.position))
    if run.position < 1:
        end(run, saga, RunStatus.COMPENSATED)
    store.save(run)
    log.info("saga %s run %s compensates: %s", run.saga, run.pk, reason)


def give_up_undoing(run: Run, saga: Saga, reason: str) -> None:
    """A compensation has used up its budget: undo what is safe to undo all the same, then park."""
    run.undo_failed = True
    run.reason = f"{run.reason}; then {saga.step(run.position).compensate} failed: {reason}"
    _move(run, saga.undo_from(run.position - 1, only_after_failure=True))
    if run.position < 1:
        end(run, saga, RunStatus.COMPENSATED)
    store.save(run)


def park(run: Run, saga: Saga, reason: str, remedy: str, at_risk: int | None = None) -> None:
    """Stop for a person, with the reason, what is at risk, and what to do. Caller saves."""
    run.status = RunStatus.PARKED
    run.epoch += 1
    run.fence += 1
    run.reason, run.remedy = reason, remedy
    run.wake_at = run.lease_until = run.not_before = None
    run.amount_at_risk = at_risk if at_risk is not None else _stake(run, saga)
    run.currency = str(run.facts.get("currency", ""))
    log.error("saga %s run %s is parked: %s (%s)", run.saga, run.pk, reason, remedy)


def retry_at(run: Run, when: datetime) -> None:
    """Try the step at hand again at `when`; the wait is a row, not a message. Caller saves."""
    run.not_before = run.wake_at = when
    run.lease_until = None
    run.sweeps = 0


def end(run: Run, saga: Saga, status: RunStatus) -> None:
    """COMPLETED or COMPENSATED, but only if the saga's promise holds; else a person looks at it.
    Caller saves."""
    if run.undo_failed:
        park(run, saga, run.reason, "Settle what the failed compensation left by hand.")
        return
    completed = status == RunStatus.COMPLETED
    unkept = saga.promise.unkept(run.facts, completed=completed) if saga.promise else None
    if unkept:
        park(run, saga, unkept.reason, unkept.remedy, unkept.amount)
        return
    run.status = status
    run.wake_at = None
    run.ended_at = run.db_now


def line(
    run: Run, saga: Saga, position: int, state: StepState, *, error: str = "", attempt: int = 1
) -> StepLog:
    """A line of the timeline for the step at `position`, in the run's present direction."""
    return StepLog(
        run=run,
        position=position,
        direction=Direction.DO if run.forward else Direction.UNDO,
        participant=saga.action(position, forward=run.forward).name,
        state=state,
        attempt=attempt,
        error=error[:2000],
        started_at=run.db_now,
    )


def _move(run: Run, to: int) -> None:
    run.position = max(to, 0)
    run.attempt = run.sweeps = 0
    run.waits_for = ""
    run.lease_until = run.not_before = None
    run.wake_at = run.db_now + GRACE


def _stake(run: Run, saga: Saga) -> int:
    return int(run.facts.get(saga.stake, 0)) if saga.stake else 0
