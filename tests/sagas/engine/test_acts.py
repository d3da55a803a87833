"""What each act by hand does to a run at rest: the row before, the row after, and what is said."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now

from sagas.engine import hands, store
from sagas.engine.definition import Saga
from sagas.engine.hands import HANDS, NotNow, Told
from sagas.models import Pause, Run, RunStatus, StepState
from tests.sagas.engine import toys
from tests.sagas.engine.conftest import Toy
from tests.sagas.messages import carry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker")]
NewToy = Callable[..., Toy]
S = RunStatus
CALLED = {"lease_until": Now() + timedelta(hours=1)}


@pytest.fixture(autouse=True)
def one_at_a_time(settings: Any) -> None:
    settings.SAGA_FAST_PATH = "off"


def at(toy: NewToy, steps: int, saga: Saga = toys.local_saga, **fields: Any) -> Toy:
    """A run that has done so many steps, and then stands as the fields say."""
    script = {name: fields.pop(name) for name in list(fields) if name in "abcd"}
    one = toy(saga, **script)
    for _ in range(steps):
        carry(one.id)
    Run.objects.filter(pk=one.id).update(**fields)
    return one


def act(name: str, one: Toy, *, even_so: bool = False, **facts: Any) -> list[str]:
    with transaction.atomic():
        run = store.lock_run(one.id)
        assert run is not None
        told = Told("the kitchen called", facts, even_so)
        return HANDS[name](run, Saga.registry[run.saga], told)


def due_now(one: Toy) -> bool:
    return Run.objects.filter(pk=one.id, wake_at__lte=Now(), not_before__lte=Now()).exists()


def test_there_are_these_acts() -> None:
    assert [*HANDS] == ["retry", "resume", "skip", "compensate", "pause", "edit", "terminate"]


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


# Compensate.


def test_turning_round_undoes_what_was_begun_last_first(toy: NewToy) -> None:
    one = at(toy, 2, remedy="mend", amount_at_risk=7)
    assert act("compensate", one) == ["Undo, in this order: toys.undo_c, toys.undo_b, toys.undo_a."]
    run = one.run
    assert (run.status, run.position, run.epoch) == (S.COMPENSATING, 3, 2)
    assert (run.reason, run.remedy, run.amount_at_risk) == ("the kitchen called", "", 0)


def test_where_nothing_is_to_undo_turning_round_ends_the_run(toy: NewToy) -> None:
    one = at(toy, 0, toys.facts_saga)
    assert act("compensate", one) == ["Undo, in this order: nothing."]
    assert one.run.status == S.COMPENSATED


def test_a_paused_run_that_is_turned_round_stays_paused(toy: NewToy) -> None:
    one = at(toy, 1, paused=Pause.RUN)
    assert act("compensate", one)[1:] == [
        "It stays paused: nothing of this begins before it is resumed."
    ]


@pytest.mark.parametrize(
    ("steps", "saga", "fields", "said"),
    [
        (3, toys.local_saga, {"c": "refuse"}, "nothing to turn"),
        (2, toys.local_saga, {"status": S.PARKED, "wake_at": None, "undo_failed": True},
         "nothing to turn"),
        (2, toys.local_saga, {"status": S.PARKED, "wake_at": None, "position": 0},
         "nothing to turn"),
        (2, toys.pivot_saga, {}, "past its pivot"),
        (1, toys.far_pivot_saga, {}, "past its pivot"),
    ],
)  # fmt: skip
def test_what_can_t_be_turned_says_why(
    toy: NewToy, steps: int, saga: Saga, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(NotNow, match=said):
        act("compensate", at(toy, steps, saga, **fields))


def test_up_to_its_pivot_and_from_the_first_step_on_a_run_can_be_turned(toy: NewToy) -> None:
    assert act("compensate", at(toy, 1, toys.pivot_saga))
    assert act("compensate", at(toy, 0))


# Pause, edit, terminate.


def test_a_pause_says_what_is_not_begun(toy: NewToy) -> None:
    one = at(toy, 1)
    assert act("pause", one) == ["Do not begin 2/4 toys.b, nor anything after it."]
    assert one.run.paused == Pause.RUN
    with pytest.raises(NotNow, match="paused already"):
        act("pause", one)
    called = at(toy, 1, **CALLED)
    assert act("pause", called) == [
        "Begin nothing after 2/4 toys.b, which a worker is calling and will record."
    ]
    assert act("pause", at(toy, 1, lease_until=Now() - timedelta(seconds=1)))[0].startswith(
        "Do not"
    )
    with pytest.raises(NotNow, match="under way"):
        act("pause", at(toy, 1, status=S.PARKED, wake_at=None))


def test_a_fact_is_edited_where_the_run_stands_still(toy: NewToy) -> None:
    one = at(toy, 1, toys.facts_saga, status=S.PARKED, wake_at=None)
    assert act("edit", one, learnt=7) == ["learnt: 41 becomes 7."]
    assert one.run.facts == {"token": one.token, "script": {}, "learnt": 7}
    for facts, said in (
        ({}, "at least one fact"),
        ({"token": "x"}, "token is what the run was started with"),
        ({"never": 1}, "toy_facts knows no fact never"),
        ({"learnt": "x"}, "learnt has to be int"),
    ):
        with pytest.raises(NotNow, match=said):
            act("edit", one, **facts)
    with pytest.raises(NotNow, match="calling"):
        act("edit", at(toy, 1, toys.facts_saga, paused=Pause.RUN, **CALLED), learnt=1)


def test_a_run_that_is_terminated_is_over_and_fenced_off(toy: NewToy) -> None:
    one = at(toy, 1, paused=Pause.RUN, not_before=Now())
    before = one.run
    assert act("terminate", one) == ["End it as it stands; nothing is done or undone any more."]
    run = one.run
    assert (run.status, run.paused, run.amount_at_risk) == (S.TERMINATED, "", 0)
    assert (run.epoch, run.fence) == (before.epoch + 1, before.fence + 1)
    assert run.reason == "Terminated by a person: the kitchen called"
    assert (run.wake_at, run.lease_until, run.not_before) == (None, None, None)
    assert run.ended_at is not None


def test_money_out_of_place_is_left_only_by_saying_so(toy: NewToy) -> None:
    one = toy(toys.local_saga, difference="7")
    Run.objects.filter(pk=one.id).update(status=S.PARKED, wake_at=None, currency="USD")
    with pytest.raises(NotNow, match=r"0\.07 USD would be left out of place"):
        act("terminate", one)
    assert act("terminate", one, even_so=True)[1:] == [
        "0.07 USD stays out of place, and is yours to settle."
    ]
    assert one.run.amount_at_risk == 7
    plain = at(toy, 1, toys.pivot_saga, paused=Pause.RUN)
    assert act("terminate", plain)


@pytest.mark.parametrize("name", ["edit", "terminate"])
def test_a_run_on_its_way_is_paused_first(toy: NewToy, name: str) -> None:
    with pytest.raises(NotNow, match="Pause it first: it is on its way"):
        act(name, at(toy, 1), learnt=1)


def test_what_comes_with_an_act_is_a_reason_and_no_facts_unless_told() -> None:
    assert hands.Told("why") == Told("why", {}, False)
