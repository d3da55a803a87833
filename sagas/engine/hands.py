"""Hands on a run: what a person may do to one whose row is locked, each told in sentences.

Every function checks first and raises `NotNow`, then moves the run and saves it. What it returns
says what happens because of it: a dry run is the same function, rolled back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from campusg.errors import Conflict
from campusg.money import formatted
from sagas.engine import facts as factual
from sagas.engine import progress, store
from sagas.engine.definition import Saga
from sagas.engine.timeline import step_at_hand
from sagas.models import ACTIVE, LIVE, Direction, Pause, Run, RunStatus, StepState


class NotNow(Conflict):
    """The run does not stand where this can be done; the sentence says what to do first."""

    code = "not_now"


@dataclass(frozen=True)
class Told:
    """What comes with the act: why, facts by name, and whether a difference in the books is
    accepted."""

    reason: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    even_so: bool = False


def retry(run: Run, saga: Saga, told: Told) -> list[str]:
    """Try the step at hand now, with a fresh budget of tries."""
    _must(run.status in ACTIVE, "Only a run under way is retried; take up a parked one by resume.")
    _must(not run.paused, "The run is paused: resume it.")
    _nobody_calls(run)
    run.attempt = 0
    if run.status == RunStatus.WAITING:
        run.status, run.waits_for = RunStatus.RUNNING, ""
    progress.retry_at(run, run.db_now)
    store.save(run)
    tries = saga.action(run.position, forward=run.forward).retry.tries
    return [f"Try {step_at_hand(run)} at once; it may fail {tries} times anew."]


def resume(run: Run, saga: Saga, told: Told) -> list[str]:
    """Go on where a paused or parked run stands."""
    _must(run.paused != Pause.SAGA, f"All of {run.saga} is paused: resume the saga.")
    _must(bool(run.paused) or run.status == RunStatus.PARKED, "It is neither paused nor parked.")
    run.paused = Pause.NONE
    if run.status == RunStatus.PARKED:
        _take_up(run, saga)
    elif run.wake_at is not None:
        progress.retry_at(run, run.db_now)
    return _goes_on(run, saga)


def skip(run: Run, saga: Saga, told: Told) -> list[str]:
    """Go past the step at hand, whose work a person has seen to. `told.facts` are what it would
    have given. The pivot is never skipped: it decides about the money."""
    stands = run.status == RunStatus.PARKED or bool(run.paused) or run.not_before is not None
    _must(run.status in LIVE and stands, "It is not failing, paused or parked: pause it first.")
    _nobody_calls(run)
    if run.status == RunStatus.PARKED:
        _take_up(run, saga)
    _must(0 < run.position <= saga.length, "Every step is done: there is nothing to skip.")
    row = saga.step(run.position)
    _must(not (run.forward and row.pivot), f"{row.do} is the pivot: mend the cause, then resume.")
    act = saga.action(run.position, forward=run.forward)
    if set(told.facts) != set(act.gives):
        wanted = ", ".join(sorted(act.gives)) or "no facts"
        raise NotNow(f"In the place of {act} the run needs {wanted}.")
    gained = _checked(act.gives, told.facts)
    line = progress.line(run, saga, run.position, StepState.SKIPPED, attempt=run.attempt + 1)
    sentences = [f"Count {act} as done by hand."]
    to = _next_undo(run, saga) if not run.forward else run.position + 1
    progress.advance(run, saga, to, run.facts | gained, [line])
    return [*sentences, *_goes_on(run, saga)]


def compensate(run: Run, saga: Saga, told: Told) -> list[str]:
    """Take everything begun back, last one first."""
    forward = run.forward and not run.undo_failed and run.position >= 1
    _must(run.status in LIVE and forward, "It isn't going forward: there is nothing to turn.")
    _must(run.position <= saga.last_turn, "It is past its pivot and only goes forward.")
    run.amount_at_risk, run.remedy = 0, ""
    progress.begin_compensation(run, saga, told.reason)
    undone = [str(saga.step(at).compensate) for at in saga.path(run.position, forward=False)]
    return [f"Undo, in this order: {', '.join(undone) or 'nothing'}.", *_while_paused(run)]


def pause(run: Run, saga: Saga, told: Told) -> list[str]:
    """Begin no further step until somebody resumes it."""
    _must(run.status in ACTIVE, "Only a run under way can be paused.")
    _must(not run.paused, "It is paused already.")
    called = run.lease_until is not None and run.lease_until > run.db_now
    run.paused = Pause.RUN
    store.save(run)
    return [
        f"Begin nothing after {step_at_hand(run)}, which a worker is calling and will record."
        if called
        else f"Do not begin {step_at_hand(run)}, nor anything after it."
    ]


def edit(run: Run, saga: Saga, told: Told) -> list[str]:
    """Change what a run that stands still has learnt; never what it was started with."""
    _must(bool(run.paused) or run.status == RunStatus.PARKED, "Pause it first: it is on its way.")
    _must(bool(told.facts), "Name at least one fact.")
    _nobody_calls(run)
    learnt = {name: kind for row in saga.steps for name, kind in row.do.gives.items()}
    for name in told.facts:
        _must(name not in saga.given, f"{name} is what the run was started with: start another.")
        _must(name in learnt, f"{run.saga} knows no fact {name}.")
    new = _checked({name: learnt[name] for name in told.facts}, told.facts)
    sentences = [f"{name}: {run.facts.get(name)!r} becomes {new[name]!r}." for name in sorted(new)]
    run.facts = run.facts | new
    store.save(run)
    return sentences


def terminate(run: Run, saga: Saga, told: Told) -> list[str]:
    """End a run that stands still, doing and undoing nothing more."""
    _must(bool(run.paused) or run.status == RunStatus.PARKED, "Pause it first: it is on its way.")
    _nobody_calls(run)
    unkept = saga.promise.unkept(run.facts, completed=False) if saga.promise else None
    out = unkept.amount if unkept else 0
    money = formatted(out, run.currency or str(run.facts.get("currency", "")))
    if out and not told.even_so:
        raise NotNow(f"{money} would be left out of place: settle it first, or say so explicitly.")
    run.status, run.paused = RunStatus.TERMINATED, Pause.NONE
    run.epoch += 1
    run.fence += 1
    run.amount_at_risk, run.reason = out, f"Terminated by a person: {told.reason}"
    run.wake_at = run.lease_until = run.not_before = None
    run.ended_at = run.db_now
    store.save(run)
    return ["End it as it stands; nothing is done or undone any more."] + (
        [f"{money} stays out of place, and is yours to settle."] if out else []
    )


#: What a person may do, by the name under which commands and pages know it.
HANDS: dict[str, Callable[[Run, Saga, Told], list[str]]] = {
    hand.__name__: hand for hand in (retry, resume, skip, compensate, pause, edit, terminate)
}


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise NotNow(otherwise)


def _nobody_calls(run: Run) -> None:
    """A call in flight is answered within seconds, or its lease ends: then is the time."""
    called = run.lease_until is not None and run.lease_until > run.db_now
    _must(not called, f"A worker is calling {step_at_hand(run)} just now: try again in seconds.")


def _take_up(run: Run, saga: Saga) -> None:
    """Where a parked run was going when it was parked. Of undos only the failed are repeated,
    besides those that the saga undoes whatever failed: timers and notices."""
    if run.undo_failed or run.position < 1:
        run.status = RunStatus.COMPENSATING
        if run.undo_failed:
            run.position, run.undo_failed = _next_undo(run, saga, below=saga.length + 1), False
    else:
        run.status, run.reason = RunStatus.RUNNING, ""
    run.attempt = run.amount_at_risk = 0
    run.remedy = ""
    progress.retry_at(run, run.db_now)


def _next_undo(run: Run, saga: Saga, below: int | None = None) -> int:
    """The highest position under `below` that was begun and is not undone yet; 0 when none is."""
    logged = run.steps.values_list("position", "direction", "state")
    begun = {position for position, _, _ in logged}
    settled = (StepState.DONE, StepState.SKIPPED)
    undone = {at for at, way, state in logged if way == Direction.UNDO and state in settled}
    highest = saga.undo_from((below or run.position) - 1)
    path = saga.path(highest, forward=False)
    return next((at for at in path if at in begun - undone), 0)


def _goes_on(run: Run, saga: Saga) -> list[str]:
    """Save it, or end it when nothing is left; what happens next, said."""
    if run.status in ACTIVE and not 0 < run.position <= saga.length:
        done = RunStatus.COMPLETED if run.forward else RunStatus.COMPENSATED
        progress.end(run, saga, done)
    store.save(run)
    if run.status == RunStatus.PARKED:
        return [f"It is parked again at once: {run.reason}."]
    if run.status not in LIVE:
        return [f"It ends {run.status}."]
    verb = "Run" if run.forward else "Undo"
    return [f"{verb} {step_at_hand(run)} next.", *_while_paused(run)]


def _while_paused(run: Run) -> list[str]:
    return ["It stays paused: nothing of this begins before it is resumed."] if run.paused else []


def _checked(kinds: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as they are stored, or NotNow with the name of the one of the wrong kind."""
    for name, kind in kinds.items():
        _must(
            factual.fits(kind, facts[name]),
            f"{name} has to be {factual.name_of(kind)}, not {facts[name]!r}.",
        )
    return factual.to_json(facts)
