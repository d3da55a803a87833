"""Schedules that the engine's guards are for: what one process does while another stands still.

Both are this process: where the first stands still, at a named point, the second does its part.
`docs/guards.md` says which guard each needs; `make mutants` takes that guard away and runs it.
"""

from collections.abc import Callable
from typing import Any

import pytest

from campusg.points import Point
from sagas.create_order import create_order
from sagas.engine.admission import Message
from sagas.engine.local import run_local
from sagas.engine.starting import compensate
from sagas.models import Run, RunStatus
from tests.makers import make_customer, make_restaurant
from tests.sagas.conftest import At
from tests.sagas.engine import toys
from tests.sagas.engine.conftest import Toy
from tests.sagas.messages import carry, in_hand, to_its_end
from tests.sagas.placed import Placed
from tests.threads import Second

pytestmark = [pytest.mark.schedule, pytest.mark.usefixtures("no_worker")]
NewToy = Callable[..., Toy]


@pytest.fixture(autouse=True)
def one_message_a_step(settings: Any) -> None:
    """How far a batch gets depends on how fast the machine is."""
    settings.SAGA_FAST_PATH = "off"


class Gone(BaseException):
    """The process is no more: nothing in it may catch this."""


def test_a_step_that_two_workers_take_at_once_is_done_by_one(toy: NewToy, at: At) -> None:
    one = toy(toys.local_saga)
    act = in_hand(one.id)
    assert act
    second = Second(act)
    at(Point.EFFECT, one.id, second.comes_and_waits_for_me)
    act()
    second.said()
    assert one.effects() == ["a"]
    to_its_end(one.id)
    assert one.effects() == ["a", "b", "c", "d"]


def test_a_zombie_s_record_does_not_count_the_next_step_as_done(toy: NewToy, at: At) -> None:
    one = toy(toys.remote_saga)
    carry(one.id)

    def another_worker() -> None:
        Run.objects.filter(pk=one.id).update(lease_until=None)
        carry(one.id)

    at(Point.CALLED, one.id, another_worker)
    carry(one.id)
    assert one.run.position == 3
    to_its_end(one.id)
    assert one.run.status == RunStatus.COMPLETED
    assert one.effects()[-2:] == ["b", "c"]


def test_a_message_from_before_the_turn_spoils_no_undo(toy: NewToy) -> None:
    one = toy(toys.undone_far_saga, b="refuse")
    carry(one.id)
    carry(one.id)
    assert (one.run.status, one.run.position) == (RunStatus.COMPENSATING, 1)
    run_local(Message(one.id, 1, 1))
    assert one.run.attempt == 0
    assert ("undo", "toys.unremote", "FAILED") not in one.timeline()
    to_its_end(one.id)
    assert one.run.status == RunStatus.COMPENSATED


def test_the_step_at_hand_is_undone_though_nobody_knows_whether_it_happened(toy: NewToy) -> None:
    one = toy(toys.remote_saga, remote="lose")
    carry(one.id)
    carry(one.id)
    assert one.remote() == {"remote": "on"}
    assert ("do", "toys.remote", "DONE") not in one.timeline()
    compensate(one.id, "no longer wanted")
    to_its_end(one.id)
    assert one.run.status == RunStatus.COMPENSATED
    assert one.remote()["remote"] == "off"


@pytest.mark.fault(2)
@pytest.mark.usefixtures("books")
def test_an_authorization_that_lands_after_its_release_holds_nothing(at: At) -> None:
    placed = Placed(make_customer(), make_restaurant())

    def called_off() -> None:
        compensate(placed.run_id, "the customer changed their mind")
        to_its_end(placed.run_id)

    at(Point.CLAIMED, placed.run_id, called_off)
    carry(placed.run_id)
    assert placed.run.status == RunStatus.COMPENSATED
    assert placed.held() == []
    assert placed.intents() == 1


@pytest.mark.usefixtures("books")
def test_what_a_transaction_that_died_would_have_told_nobody_hears(at: At) -> None:
    placed = Placed(make_customer(), make_restaurant())
    carry(placed.run_id)
    told = placed.events()

    def dies() -> None:
        raise Gone

    at(Point.EFFECT, placed.run_id, dies)
    with pytest.raises(Gone):
        carry(placed.run_id)
    assert placed.events() == told
    to_its_end(placed.run_id)
    assert placed.events() == [row.emits for row in create_order.steps if row.emits]
