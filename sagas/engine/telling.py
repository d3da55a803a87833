"""A run in words: why it stands where it stands, and what happens next without anyone's doing."""

from dataclasses import dataclass

from sagas.engine.definition import saga_named
from sagas.models import ACTIVE, Pause, Run, RunStatus


@dataclass(frozen=True)
class Told:
    """Two sentences for a person."""

    why: str
    next_action: str


def tell(run: Run) -> Told:
    """Say it from the row alone, so that the API, the admin and the command agree."""
    if run.paused and run.status in ACTIVE:
        by = "It is paused" if run.paused == Pause.RUN else f"All of {run.saga} is paused"
        return Told(f"{by} before {_step(run)}.", "None until a person resumes it.")
    match RunStatus(run.status):
        case RunStatus.COMPLETED:
            return Told("Every step is done and the saga's promise holds.", "None: it has ended.")
        case RunStatus.COMPENSATED:
            return Told(f"Everything begun is undone. {run.reason}", "None: it has ended.")
        case RunStatus.TERMINATED:
            return Told(run.reason, "None: it has ended.")
        case RunStatus.PARKED:
            return Told(run.reason, f"None: it waits for a person. {run.remedy}")
        case RunStatus.WAITING:
            return Told(
                f"{_step(run)} waits for {run.waits_for}.",
                f"It looks again when told, or at {_clock(run.wake_at)}.",
            )
        case RunStatus.COMPENSATING:
            return Told(f"It takes everything back: {run.reason}", _next(run, "Undo"))
        case _:
            return Told(run.reason or f"{_step(run)} is the step at hand.", _next(run, "Run"))


def _next(run: Run, verb: str) -> str:
    if run.lease_until is not None:
        return (
            f"{_step(run)} is being called by a worker; if that worker dies, another takes over"
            f" after {_clock(run.lease_until)}."
        )
    if run.not_before is not None:
        tries = f" (try {run.attempt + 1})" if run.attempt else ""
        return f"{verb} {_step(run)} again{tries} at {_clock(run.not_before)}."
    return (
        f"{verb} {_step(run)} as soon as a worker takes its message; published again at"
        f" {_clock(run.wake_at)} if none does."
    )


def _step(run: Run) -> str:
    saga = saga_named(run.saga)
    if saga is None or not 0 < run.position <= saga.length:
        return f"step {run.position}"
    return f"step {run.position} {saga.action(run.position, forward=run.forward).name}"


def _clock(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "once it is due"
