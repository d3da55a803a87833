"""End overdue: no customer's money stands aside for ever."""

from collections.abc import Callable

import pytest
from django.db.models.functions import Now

from orders.states import OrderStatus
from sagas.end_overdue import end_overdue
from sagas.models import Run, RunStatus
from scheduler.models import ScheduledEvent
from scheduler.services import fire_due
from tests.conftest import eventually
from tests.makers import at_stripe
from tests.sagas.lunch import DELIVERY, FOOD, TOTAL, Lunch

pytestmark = pytest.mark.story
Ordered = Callable[..., Lunch]


def time_is_up(order: Lunch) -> Run:
    """Nobody has come for the order's money in a day; the run that looks at it, at its end."""
    mine = ScheduledEvent.objects.filter(entity_id=order.id, event_type="ESCROW_TIMEOUT")
    assert mine.filter(status="PENDING").update(due_at=Now()) == 1
    fire_due()
    eventually(lambda: Run.objects.filter(saga=end_overdue.name, key=str(order.id)).exists())
    return order.ends(Run.objects.get(saga=end_overdue.name, key=str(order.id)))


def test_what_was_delivered_and_never_completed_is_completed(lunch: Ordered) -> None:
    order = lunch().bring()
    assert time_is_up(order).status == RunStatus.COMPLETED
    eventually(lambda: order.status == OrderStatus.COMPLETED)
    assert order.settles().paid() == {"restaurant": FOOD, "runner": DELIVERY}
    assert (at_stripe(order.id)["held"], at_stripe(order.id)["captured"]) == (0, TOTAL)
    assert order.timers()["ESCROW_TIMEOUT"] == "FIRED"
    assert "order.overdue" in order.events()


@pytest.mark.parametrize("stage", ["CREATED", "ACCEPTED", "PLACED", "ON_THE_WAY"])
def test_what_was_never_delivered_is_called_off_and_costs_nothing(
    lunch: Ordered, stage: str
) -> None:
    order = lunch().bring(OrderStatus(stage))
    assert time_is_up(order).status == RunStatus.COMPLETED
    eventually(lambda: order.status == OrderStatus.CANCELLED)
    assert (at_stripe(order.settles().id)["held"], at_stripe(order.id)["captured"]) == (0, 0)
    assert order.order.cancel_reason == "Its money was set aside for too long."


def test_an_order_that_is_just_being_ended_is_left_to_whoever_ends_it(lunch: Ordered) -> None:
    order = lunch().bring()
    order.fault("latency", path="/v1/payment_intents/*/capture", seconds=2)
    order.complete()
    assert time_is_up(order).status == RunStatus.COMPENSATED
    assert order.timers()["ESCROW_TIMEOUT"] == "IGNORED"
    assert order.settles().status == OrderStatus.COMPLETED
    assert "order.overdue" not in order.events()


@pytest.mark.parametrize("ending", ["complete", "cancel"])
def test_an_order_that_ends_needs_no_timeout(lunch: Ordered, ending: str) -> None:
    order = lunch().bring(OrderStatus.DELIVERED if ending == "complete" else OrderStatus.PLACED)
    getattr(order, ending)()
    assert order.settles().timers()["ESCROW_TIMEOUT"] == "CANCELLED"
