"""What a run has done and undone, beside what its saga says: one row a step, for people."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sagas.engine.definition import Saga, saga_named
from sagas.engine.picture import marks, undo
from sagas.models import LIVE, Direction, Run, StepLog, StepState


@dataclass(frozen=True)
class Act:
    """A step's doing or undoing, as far as it has come."""

    state: StepState
    attempt: int
    started_at: datetime
    took: str
    error: str


@dataclass(frozen=True)
class Row:
    """One step of the saga: what does it, what undoes it, and what became of both."""

    position: int
    name: str
    emits: str
    marks: str
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


def step_at_hand(run: Run) -> str:
    """`3/6 payments.authorize`; nothing when the run has ended or its saga is unknown."""
    saga = saga_named(run.saga)
    if saga is None or run.status not in LIVE or not 0 < run.position <= saga.length:
        return ""
    row = saga.step(run.position)
    undoing = not run.forward and row.compensate is not None
    return f"{run.position}/{saga.length} {undo(row) if undoing else row.do.name}"


def _row(run: Run, saga: Saga | None, position: int, logged: dict[tuple[int, str], StepLog]) -> Row:
    did, undid = (logged.get((position, way)) for way in (Direction.DO, Direction.UNDO))
    if saga is not None:
        step = saga.step(position)
        names = step.do.name, step.emits or "", marks(step), undo(step)
    else:
        names = did.participant if did else "", "", "", undid.participant if undid else ""
    at_hand = run.status in LIVE and run.position == position
    return Row(position, *names, at_hand, _act(did), _act(undid))


def _act(log: StepLog | None) -> Act | None:
    if log is None:
        return None
    took = _lasting(log.ended_at - log.started_at) if log.ended_at else ""
    return Act(StepState(log.state), log.attempt, log.started_at, took, log.error)


def _lasting(duration: timedelta) -> str:
    """`0.412 s`, or `3 min 20 s`."""
    seconds = duration.total_seconds()
    if seconds < 60:
        return f"{seconds:.3f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
