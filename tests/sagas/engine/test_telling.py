"""A run in words, and its steps in rows: what people read of where it stands."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sagas.engine.telling import Told, tell
from sagas.engine.timeline import Act, Row, step_at_hand, timeline
from sagas.models import Direction, Pause, Run, RunStatus, StepLog, StepState
from tests.sagas.engine import toys

AT = datetime(2026, 3, 4, 12, 30, 15, tzinfo=UTC)
CLOCK = "2026-03-04 12:30:15 UTC"
S = RunStatus


def a_run(saga: str = "toy_local", **fields: Any) -> Run:
    """A run that is nowhere but here."""
    given = {"saga": saga, "status": S.RUNNING, "position": 2, "facts": {}, "wake_at": AT}
    return Run(**given | fields)


UNTIL_A_WORKER = f"as soon as a worker takes its message; published again at {CLOCK} if none does."


@pytest.mark.parametrize(
    ("fields", "why", "following"),
    [
        ({}, "step 2 toys.b is the step at hand.", f"Run step 2 toys.b {UNTIL_A_WORKER}"),
        ({"reason": "b broke"}, "b broke", f"Run step 2 toys.b {UNTIL_A_WORKER}"),
        (
            {"wake_at": None},
            "step 2 toys.b is the step at hand.",
            "Run step 2 toys.b as soon as a worker takes its message; published again at once it"
            " is due if none does.",
        ),
        (
            {"not_before": AT},
            "step 2 toys.b is the step at hand.",
            f"Run step 2 toys.b again at {CLOCK}.",
        ),
        (
            {"not_before": AT, "attempt": 2},
            "step 2 toys.b is the step at hand.",
            f"Run step 2 toys.b again (try 3) at {CLOCK}.",
        ),
        (
            {"lease_until": AT, "not_before": AT},
            "step 2 toys.b is the step at hand.",
            "step 2 toys.b is being called by a worker; if that worker dies, another takes over"
            f" after {CLOCK}.",
        ),
        (
            {"status": S.COMPENSATING, "reason": "c says no"},
            "It takes everything back: c says no",
            f"Undo step 2 toys.undo_b {UNTIL_A_WORKER}",
        ),
        (
            {"status": S.WAITING, "waits_for": "go"},
            "step 2 toys.b waits for go.",
            f"It looks again when told, or at {CLOCK}.",
        ),
        (
            {"status": S.PARKED, "reason": "7 cents are lost", "remedy": "Find them."},
            "7 cents are lost",
            "None: it waits for a person. Find them.",
        ),
        (
            {"status": S.COMPLETED},
            "Every step is done and the saga's promise holds.",
            "None: it has ended.",
        ),
        (
            {"status": S.COMPENSATED, "reason": "No card."},
            "Everything begun is undone. No card.",
            "None: it has ended.",
        ),
        ({"status": S.TERMINATED, "reason": "By hand."}, "By hand.", "None: it has ended."),
        (
            {"paused": Pause.RUN},
            "It is paused before step 2 toys.b.",
            "None until a person resumes it.",
        ),
        (
            {"paused": Pause.SAGA, "status": S.WAITING},
            "All of toy_local is paused before step 2 toys.b.",
            "None until a person resumes it.",
        ),
        (
            {"paused": Pause.RUN, "status": S.TERMINATED, "reason": "By hand."},
            "By hand.",
            "None: it has ended.",
        ),
        ({"position": 5}, "step 5 is the step at hand.", f"Run step 5 {UNTIL_A_WORKER}"),
        (
            {"position": 4},
            "step 4 toys.d is the step at hand.",
            f"Run step 4 toys.d {UNTIL_A_WORKER}",
        ),
        ({"saga": "gone"}, "step 2 is the step at hand.", f"Run step 2 {UNTIL_A_WORKER}"),
        (
            {"status": S.COMPENSATING, "position": 0, "reason": "no"},
            "It takes everything back: no",
            f"Undo step 0 {UNTIL_A_WORKER}",
        ),
    ],
)
def test_a_run_says_why_it_stands_and_what_happens_next(
    fields: dict[str, Any], why: str, following: str
) -> None:
    assert tell(a_run(**fields)) == Told(why, following)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "2/4 toys.b"),
        ({"position": 1}, "1/4 toys.a"),
        ({"position": 4}, "4/4 toys.d"),
        ({"position": 5}, ""),
        ({"position": 0}, ""),
        ({"status": S.COMPENSATING}, "2/4 toys.undo_b"),
        ({"status": S.COMPENSATING, "position": 4}, "4/4 toys.d"),
        ({"status": S.COMPLETED}, ""),
        ({"saga": "gone"}, ""),
    ],
)
def test_the_step_at_hand_in_a_few_words(fields: dict[str, Any], said: str) -> None:
    assert step_at_hand(a_run(**fields)) == said


def log(run: Run, position: int, seconds: float | None, **other: Any) -> None:
    ended = None if seconds is None else AT + timedelta(seconds=seconds)
    line = {"direction": Direction.DO, "state": StepState.DONE, "participant": "toys.x"} | other
    StepLog.objects.create(run=run, position=position, started_at=AT, ended_at=ended, **line)


def kept(**fields: Any) -> Run:
    run = a_run(**fields)
    run.key = run.given_digest = run.fingerprint = "x"
    run.save(force_insert=True)
    return run


@pytest.mark.django_db
def test_every_step_has_a_row_with_what_became_of_it() -> None:
    run = kept(saga="toy_local", status=S.COMPENSATING)
    log(run, 1, 0.4125)
    log(run, 2, 59.9994, attempt=3, error="b broke")
    log(run, 2, 60.0, direction=Direction.UNDO, attempt=2, state=StepState.FAILED)
    log(run, 3, None, state=StepState.STARTED)
    first, second, third, fourth = timeline(run)
    done = Act(StepState.DONE, 1, AT, "0.412 s", "")
    assert first == Row(1, "toys.a", "", first.marks, "toys.undo_a", False, done, None)
    assert second.at_hand
    assert second.done == Act(StepState.DONE, 3, AT, "59.999 s", "b broke")
    assert second.undone == Act(StepState.FAILED, 2, AT, "1 min 0 s", "")
    assert third.done == Act(StepState.STARTED, 1, AT, "", "")
    assert (fourth.name, fourth.undo_name, fourth.done, fourth.undone) == ("toys.d", "", None, None)
    assert not any(row.at_hand for row in (first, third, fourth))


@pytest.mark.django_db
def test_of_a_saga_that_is_gone_the_rows_are_what_was_logged() -> None:
    run = kept(saga="gone", status=S.COMPLETED)
    log(run, 3, 200.9, participant="toys.old")
    log(run, 1, 1, direction=Direction.UNDO, participant="toys.undo_old")
    first, third = timeline(run)
    assert (first.position, first.name, first.undo_name) == (1, "", "toys.undo_old")
    assert (third.position, third.name, third.undo_name) == (3, "toys.old", "")
    assert third.done is not None
    assert third.done.took == "3 min 20 s"
    assert not third.at_hand
    assert toys.local_saga.length == 4
