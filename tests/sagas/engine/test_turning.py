"""Compensate, pause, edit and terminate by hand: the row before, the row after, what is said."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from sagas.engine import hands
from sagas.engine.definition import Saga
from sagas.engine.hands import NotNow, Told
from sagas.models import Pause, Run, RunStatus
from tests.sagas.engine import toys
from tests.sagas.engine.acts import CALLED, NewToy, act, at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker")]
S = RunStatus


@pytest.fixture(autouse=True)
def one_at_a_time(settings: Any) -> None:
    settings.SAGA_FAST_PATH = "off"


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
    for currency, said in (({"currency": "EUR"}, "0.07 EUR would"), ({}, "0.07  would")):
        other = toy(toys.local_saga, difference="7")
        facts = other.run.facts | currency
        Run.objects.filter(pk=other.id).update(status=S.PARKED, wake_at=None, facts=facts)
        with pytest.raises(NotNow, match=said):
            act("terminate", other)
    plain = at(toy, 1, toys.pivot_saga, paused=Pause.RUN)
    assert act("terminate", plain)


@pytest.mark.parametrize("name", ["edit", "terminate"])
def test_a_run_on_its_way_is_paused_first(toy: NewToy, name: str) -> None:
    with pytest.raises(NotNow, match="Pause it first: it is on its way"):
        act(name, at(toy, 1), learnt=1)


def test_what_comes_with_an_act_is_a_reason_and_no_facts_unless_told() -> None:
    assert hands.Told("why") == Told("why", {}, False)
