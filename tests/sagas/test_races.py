"""Races: many ask at once, exactly one wins, and the losers change nothing.

`RACE_ROUNDS` says how often each is run: 20 times unless told, 200 times in `make races`.
"""

import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db.models.functions import Now

from campusg.errors import Refused
from escrow.chart import Code
from orders.models import Order
from orders.states import OrderStatus
from payments.models import Operation, OperationState
from sagas.create_order import create_order
from sagas.engine.starting import NoLiveRun, compensate
from sagas.models import Run
from scheduler.models import ScheduledEvent
from scheduler.services import fire_due
from tests.conftest import eventually
from tests.makers import at_stripe, make_customer, make_restaurant, make_runner
from tests.sagas.lunch import TOTAL, Lunch
from tests.sagas.messages import carry, in_hand
from tests.sagas.placed import Placed
from tests.threads import at_once
from users.models import User

pytestmark = [pytest.mark.story, pytest.mark.race]

ROUNDS = int(os.environ.get("RACE_ROUNDS", "20"))
RUNNERS = 50
rounds = pytest.mark.parametrize("round_", range(ROUNDS))
Ordered = Callable[..., Lunch]
Act = Callable[[], Any]


def one_wins(results: list[Any]) -> None:
    """All but one were refused, with a 409; nothing broke."""
    lost = [one for one in results if isinstance(one, Exception)]
    assert all(isinstance(one, Refused) and one.status == 409 for one in lost), lost
    assert len(lost) == len(results) - 1


def never_both(order: Placed) -> None:
    """Never captured and voided, nothing left on the card, nothing twice."""
    done = Operation.objects.filter(order_id=order.id, state=OperationState.SUCCEEDED)
    kinds = Counter(done.values_list("kind", flat=True))
    assert not kinds["void"] or not kinds["capture"]
    assert set(kinds.values()) <= {1}
    if Order.objects.get(pk=order.id).status in ("COMPLETED", "CANCELLED"):
        assert order.held() == []


def run_out(order: Lunch) -> Act:
    """Its time is up, and somebody looks."""

    def fire() -> None:
        ScheduledEvent.objects.filter(
            entity_id=order.id, event_type="ORDER_TIMEOUT", status="PENDING"
        ).update(due_at=Now())
        fire_due()

    return fire


@pytest.fixture(scope="module")
def runners(django_db_setup: None, django_db_blocker: Any) -> list[User]:
    """A crowd of them, each with an account."""
    with django_db_blocker.unblock():
        return [make_runner() for _ in range(RUNNERS)]


@pytest.mark.fault(24)
@rounds
def test_fifty_runners_accept_and_one_has_it(
    lunch: Ordered, runners: list[User], round_: int
) -> None:
    order = lunch()
    one_wins(at_once([partial(order.accept, runner) for runner in runners]))
    winner = Order.objects.get(pk=order.id).runner_id
    accepted = Run.objects.filter(saga="accept_order", key__startswith=str(order.id))
    assert accepted.get().facts["assigned_runner_id"] == str(winner)
    assert order.events().count("order.accepted") == 1
    assert order.timers()["ORDER_TIMEOUT"] == "CANCELLED"


@pytest.mark.fault(25)
@rounds
def test_cancel_and_accept(lunch: Ordered, round_: int) -> None:
    order = lunch()
    accepted, cancelled = at_once([order.accept, order.cancel])
    # A customer may cancel what is accepted; the runner who comes second has nothing to accept.
    assert isinstance(cancelled, Run)
    assert isinstance(accepted, Run) or accepted.status == 409
    assert order.settles().status == OrderStatus.CANCELLED
    never_both(order)
    assert at_stripe(order.id)["captured"] == 0
    assert set(order.timers().values()) == {"CANCELLED"}


@pytest.mark.fault(26)
@rounds
def test_timeout_and_accept(lunch: Ordered, round_: int) -> None:
    order = lunch()
    accepted, _ = at_once([order.accept, run_out(order)])
    order.settles()
    never_both(order)
    if isinstance(accepted, Run):
        assert order.status == OrderStatus.ACCEPTED
        assert order.held() == [TOTAL]
        # Whoever fired it may not have committed yet; its run comes too late, and says so.
        eventually(lambda: order.timers()["ORDER_TIMEOUT"] in ("CANCELLED", "IGNORED"))
        assert order.settles().status == OrderStatus.ACCEPTED
    else:
        assert accepted.status == 409
        assert order.status == OrderStatus.CANCELLED
        assert order.timers()["ORDER_TIMEOUT"] == "FIRED"


@pytest.mark.fault(27)
@rounds
def test_cancel_and_complete(lunch: Ordered, round_: int) -> None:
    order = lunch().bring()
    completed, _ = results = at_once(
        [order.complete, lambda: order.cancel(by="ops", reason="it never came")]
    )
    one_wins(results)
    order.settles()
    never_both(order)
    won = OrderStatus.COMPLETED if isinstance(completed, Run) else OrderStatus.CANCELLED
    assert order.status == won
    captured = at_stripe(order.id)["captured"]
    assert captured == (TOTAL if won == OrderStatus.COMPLETED else 0)


@pytest.mark.fault(27)
@rounds
def test_complete_and_complete(lunch: Ordered, round_: int) -> None:
    order = lunch().bring()
    results = at_once([order.complete] * 4)
    # Whoever comes while it is under way is told of the one run; who comes later, 409.
    runs = {one.pk for one in results if isinstance(one, Run)}
    lost = [one for one in results if not isinstance(one, Run)]
    assert len(runs) == 1
    assert all(isinstance(one, Refused) and one.status == 409 for one in lost), lost
    assert order.settles().status == OrderStatus.COMPLETED
    never_both(order)
    assert at_stripe(order.id)["captured"] == TOTAL
    assert order.balance(Code.STRIPE_FEES) == at_stripe(order.id)["fee"]
    assert order.events().count("order.completed") == 1


@rounds
def test_cancel_and_create(place: Callable[..., Placed], round_: int) -> None:
    order = place()
    # Sooner in one round, later in the next.
    at = round_ % (create_order.length + 1)
    eventually(lambda: order.run.position >= at or order.run.status != "RUNNING", every=0.001)
    created = not called_off(order)
    order.rests()
    made_or_undone(order, created)


@rounds
@pytest.mark.parametrize("at", range(3, create_order.length + 1))
def test_cancel_and_create_at_every_step(
    no_worker: None, books: None, settings: Any, at: int, round_: int
) -> None:
    """Each step that is not done in the request, whose transaction nobody else can see."""
    settings.SAGA_FAST_PATH = "off"
    order = Placed(make_customer(), make_restaurant())
    while order.run.position < at:
        carry(order.run_id)
    _, cancelled = at_once([in_hand(order.run_id), partial(called_off, order)])
    eventually(lambda: not carry(order.run_id))
    made_or_undone(order, not cancelled)


def called_off(order: Placed) -> bool:
    """Whether its creation could be turned round."""
    try:
        compensate(order.run_id, "changed my mind")
    except NoLiveRun:
        return False
    return True


def made_or_undone(order: Placed, created: bool) -> None:
    """The order is there with its money held, or neither is."""
    assert order.order.status == (OrderStatus.CREATED if created else OrderStatus.CANCELLED)
    assert order.held() == ([TOTAL] if created else [])
    assert order.events().count("order.created") == created
    never_both(order)
