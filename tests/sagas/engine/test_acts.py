"""Retry, resume and skip by hand: the row before, the row after, and what is said."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from sagas.engine.definition import Saga
from sagas.engine.hands import NotNow
from sagas.models import Pause, Run, RunStatus, StepState
from tests.sagas.engine import toys
from tests.sagas.engine.acts import CALLED, NewToy, act, at, due_now
from tests.sagas.messages import carry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker")]
S = RunStatus


@pytest.fixture(autouse=True)
def one_at_a_time(settings: Any) -> None:
    settings.SAGA_FAST_PATH = "off"


# Retry.


def test_a_retry_has_a_fresh_budget_and_is_due_at_once(toy: NewToy) -> None:
    one = at(toy, 1, attempt=2, sweeps=5, not_before="2100-01-01T00:00Z")
    assert act("retry", one) == ["Try 2/4 toys.b at once; it may fail 3 times anew."]
    assert (one.run.attempt, one.run.sweeps, one.run.status) == (0, 0, S.RUNNING)
    assert due_now(one)


def test_a_retry_ends_a_wait(toy: NewToy) -> None:
    one = at(toy, 1, status=S.WAITING, waits_for="go")
    act("retry", one)
    assert (one.run.status, one.run.waits_for) == (S.RUNNING, "")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"status": S.PARKED, "wake_at": None}, "take up a parked one by resume"),
        ({"paused": Pause.RUN}, "is paused: resume it"),
        (CALLED, r"A worker is calling 2/4 toys\.b just now"),
    ],
)
def test_what_is_not_under_way_is_not_retried(
    toy: NewToy, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(NotNow, match=said):
        act("retry", at(toy, 1, **fields))


def test_a_lease_that_is_over_is_nobody_s_call(toy: NewToy) -> None:
    assert act("retry", at(toy, 1, lease_until=Now() - timedelta(seconds=1)))


# Resume.


def test_a_paused_run_goes_on_where_it_stands_and_at_once(toy: NewToy) -> None:
    one = at(toy, 1, paused=Pause.RUN, attempt=2)
    assert act("resume", one) == ["Run 2/4 toys.b next."]
    assert (one.run.paused, one.run.status, one.run.attempt) == ("", S.RUNNING, 2)
    assert due_now(one)


def test_a_run_that_was_parked_and_paused_has_both_taken_off(toy: NewToy) -> None:
    one = at(toy, 1, status=S.PARKED, wake_at=None, paused=Pause.RUN, reason="no", remedy="mend",
             attempt=3, amount_at_risk=7)  # fmt: skip
    assert act("resume", one) == ["Run 2/4 toys.b next."]
    run = one.run
    assert (run.status, run.paused, run.reason, run.remedy) == (S.RUNNING, "", "", "")
    assert (run.attempt, run.amount_at_risk) == (0, 0)
    assert due_now(one)


def test_a_run_that_was_parked_while_undoing_repeats_the_undo_that_failed(toy: NewToy) -> None:
    one = at(toy, 3, c="refuse")
    carry(one.id)
    assert one.run.position == 2
    Run.objects.filter(pk=one.id).update(
        status=S.PARKED, wake_at=None, undo_failed=True, position=0, reason="undo_b broke"
    )
    assert act("resume", one) == ["Undo 2/4 toys.undo_b next."]
    run = one.run
    assert (run.status, run.undo_failed, run.reason) == (S.COMPENSATING, False, "undo_b broke")
    while carry(one.id):
        pass
    assert one.effects() == ["a", "b", "undo_c", "undo_b", "undo_a"]


def test_a_run_whose_promise_is_broken_says_how_much_is_at_risk_and_of_what(toy: NewToy) -> None:
    one = toy(toys.local_saga, difference="7")
    facts = one.run.facts | {"currency": "EUR"}
    Run.objects.filter(pk=one.id).update(facts=facts, status=S.PARKED, position=5, wake_at=None)
    (said,) = act("resume", one)
    assert said.startswith("It is parked again at once")
    assert (one.run.amount_at_risk, one.run.currency) == (7, "EUR")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"undo_failed": True, "position": 2}, "Undo 2/4 toys.undo_b next."),
        ({"undo_failed": False, "position": 0}, "It ends COMPENSATED."),
    ],
)
def test_whichever_way_it_went_a_parked_run_goes_on_that_way(
    toy: NewToy, fields: dict[str, Any], said: str
) -> None:
    one = at(toy, 3, c="refuse")
    carry(one.id)
    Run.objects.filter(pk=one.id).update(status=S.PARKED, wake_at=None, **fields)
    assert act("resume", one) == [said]


def test_a_run_that_was_parked_with_nothing_left_to_undo_ends_undone(toy: NewToy) -> None:
    one = at(toy, 1, a="refuse")
    while carry(one.id):
        pass
    Run.objects.filter(pk=one.id).update(status=S.PARKED, undo_failed=True, ended_at=None)
    assert act("resume", one) == ["It ends COMPENSATED."]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"paused": Pause.SAGA}, "All of toy_local is paused: resume the saga"),
        ({}, "neither paused nor parked"),
    ],
)
def test_what_goes_on_by_itself_is_not_resumed(
    toy: NewToy, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(NotNow, match=said):
        act("resume", at(toy, 1, **fields))


# Skip.


def test_a_step_that_is_skipped_is_logged_and_the_next_is_at_hand(toy: NewToy) -> None:
    one = at(toy, 1, paused=Pause.RUN, attempt=1)
    assert act("skip", one) == [
        "Count toys.b as done by hand.",
        "Run 3/4 toys.c next.",
        "It stays paused: nothing of this begins before it is resumed.",
    ]
    assert (one.run.position, one.run.paused) == (3, Pause.RUN)
    line = one.run.steps.get(position=2)
    assert (line.state, line.attempt, line.participant) == (StepState.SKIPPED, 2, "toys.b")


def test_the_last_step_skipped_ends_the_run(toy: NewToy) -> None:
    one = at(toy, 3, not_before="2100-01-01T00:00Z")
    assert act("skip", one) == ["Count toys.d as done by hand.", "It ends COMPLETED."]
    assert one.run.status == S.COMPLETED


def test_the_last_undo_skipped_ends_the_run_as_undone(toy: NewToy) -> None:
    one = at(toy, 1, a="refuse", paused=Pause.RUN)
    assert act("skip", one) == ["Count toys.undo_a as done by hand.", "It ends COMPENSATED."]
    assert one.run.status == S.COMPENSATED


def test_an_undo_that_is_skipped_leaves_the_next_undo(toy: NewToy) -> None:
    one = at(toy, 3, c="refuse", paused=Pause.RUN)
    assert act("skip", one)[:2] == [
        "Count toys.undo_c as done by hand.",
        "Undo 2/4 toys.undo_b next.",
    ]
    assert one.run.status == S.COMPENSATING


def test_facts_given_in_a_step_s_place_are_the_run_s(toy: NewToy) -> None:
    one = at(toy, 0, toys.facts_saga, paused=Pause.RUN)
    for facts, said in (({}, "needs learnt"), ({"learnt": 7, "more": 1}, "needs learnt"),
                        ({"learnt": "x"}, "learnt has to be int, not 'x'")):  # fmt: skip
        with pytest.raises(NotNow, match=said):
            act("skip", one, **facts)
    act("skip", one, learnt=7)
    assert (one.run.facts["learnt"], one.run.facts["token"]) == (7, one.token)
    with pytest.raises(NotNow, match="needs no facts"):
        act("skip", one, learnt=7)


@pytest.mark.parametrize(
    ("steps", "saga", "fields", "said"),
    [
        (1, toys.local_saga, {}, "pause it first"),
        (1, toys.local_saga, {"paused": Pause.RUN} | CALLED, "A worker is calling"),
        (1, toys.pivot_saga, {"paused": Pause.RUN}, r"toys\.b is the pivot"),
        (4, toys.local_saga, {"status": S.PARKED, "wake_at": None, "ended_at": None},
         "nothing to skip"),
    ],
)  # fmt: skip
def test_what_may_not_be_skipped_says_why(
    toy: NewToy, steps: int, saga: Saga, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(NotNow, match=said):
        act("skip", at(toy, steps, saga, **fields))
