"""What a run has done and undone, beside what its saga says: one row a step, for people."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sagas.engine.definition import Saga, saga_named
from sagas.models import LIVE, Direction, Run, StepLog, StepState


@dataclass(frozen=True)
class Act:
    """A step's doing or undoing, as far as it has come."""

    state: StepState
    attempt: int
    started_at: datetime
    took: timedelta | None
    error: str


@dataclass(frozen=True)
class Row:
    """One step of the saga: what does it, what undoes it, and what became of both."""

    position: int
    name: str
    emits: str
    undo_name: str
    at_hand: bool
    done: Act | None
    undone: Act | None


def timeline(run: Run) -> list[Row]:
    """Every step of the run's saga, in order; of an unknown saga, the steps that are logged."""
    saga = saga_named(run.saga)
    logged = {(log.position, log.direction): log for log in run.steps.all()}
    positions = range(1, saga.length + 1) if saga else sorted({at for at, _ in logged})
    return [_row(run, saga, position, logged) for position in positions]


def took(duration: timedelta | None) -> str:
    """`0.412 s`, `3 min 20 s`, or nothing while it is not over."""
    if duration is None:
        return ""
    seconds = duration.total_seconds()
    if seconds < 60:
        return f"{seconds:.3f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def _row(run: Run, saga: Saga | None, position: int, logged: dict[tuple[int, str], StepLog]) -> Row:
    do, undo = (logged.get((position, way)) for way in (Direction.DO, Direction.UNDO))
    name, emits, undo_name = do.participant if do else "", "", undo.participant if undo else ""
    if saga is not None:
        row = saga.step(position)
        name, emits = row.do.name, row.emits or ""
        undo_name = row.compensate.name if row.compensate else ""
    at_hand = run.status in LIVE and run.position == position
    return Row(position, name, emits, undo_name, at_hand, _act(do), _act(undo))


def _act(log: StepLog | None) -> Act | None:
    if log is None:
        return None
    over = log.ended_at - log.started_at if log.ended_at else None
    return Act(StepState(log.state), log.attempt, log.started_at, over, log.error)
