"""Cancel order: who may, who is paid all the same, and what the card pays in the end."""

from collections.abc import Callable

import pytest
from django.db import transaction
from django.db.models.functions import Now

from escrow.chart import Code
from orders import errors
from orders.states import OrderStatus
from payments.models import PaymentStatus
from sagas.engine.starting import enqueue_many
from sagas.models import Run, RunStatus
from scheduler.models import ScheduledEvent
from scheduler.services import fire_due
from tests.conftest import Worker, eventually
from tests.makers import at_stripe
from tests.sagas.lunch import FOOD, PLATFORM, TOTAL, Lunch

pytestmark = pytest.mark.story
HALF = 200  # of the delivery fee, rounded up
Ordered = Callable[..., Lunch]
CANCEL, CAPTURE = "/v1/payment_intents/*/cancel", "/v1/payment_intents/*/capture"
UNKNOWN = ["drop_request", "drop_reply", "conflict", "rate_limit", "stored_500_after"]


def nobody_pays(order: Lunch) -> None:
    money = at_stripe(order.id)
    assert order.status == OrderStatus.CANCELLED
    assert (money["held"], money["captured"]) == (0, 0)
    assert order.payment.status == PaymentStatus.RELEASED
    assert order.events()[-1] == "order.cancelled"
    assert set(order.timers().values()) <= {"CANCELLED", "FIRED"}


@pytest.mark.parametrize("stage", ["CREATED", "ACCEPTED"])
def test_before_the_kitchen_works_a_customer_cancels_for_nothing(
    lunch: Ordered, stage: str
) -> None:
    order = lunch().bring(OrderStatus(stage))
    order.cancel()
    nobody_pays(order.settles())


@pytest.mark.parametrize("stage", ["PLACED", "ON_THE_WAY", "DELIVERED"])
def test_ops_cancel_at_any_stage_and_the_customer_pays_nothing(lunch: Ordered, stage: str) -> None:
    order = lunch().bring(OrderStatus(stage))
    order.cancel(by="ops", reason="the kitchen burned")
    nobody_pays(order.settles())


def test_after_the_kitchen_began_the_customer_pays_the_food_and_half_the_way(
    lunch: Ordered,
) -> None:
    order = lunch().bring(OrderStatus.PLACED)
    order.cancel()
    assert order.settles().status == OrderStatus.CANCELLED
    money = at_stripe(order.id)
    due = FOOD + HALF + PLATFORM
    assert (money["held"], money["captured"], money["refunded"]) == (0, due, 0)
    assert order.paid() == {"restaurant": FOOD, "runner": HALF}
    assert order.owed() == {"restaurant": 0, "runner": 0}
    assert order.balance(Code.STRIPE_CLEARING) == PLATFORM - money["fee"]
    assert order.balance(Code.STRIPE_FEES) == money["fee"]


@pytest.mark.parametrize("stage", ["ON_THE_WAY", "DELIVERED"])
def test_a_customer_can_t_cancel_what_is_on_its_way(lunch: Ordered, stage: str) -> None:
    order = lunch().bring(OrderStatus(stage))
    before = order.events()
    with pytest.raises(errors.MayNotCancel):
        order.cancel()
    assert order.status == stage
    assert order.events() == before
    assert not Run.objects.filter(saga="cancel_order", key=str(order.id)).exists()


@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_void_whose_outcome_is_unknown_is_found_out(lunch: Ordered, kind: str) -> None:
    order = lunch()
    order.fault(kind, path=CANCEL)
    order.cancel()
    nobody_pays(order.settles())


@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_part_capture_whose_outcome_is_unknown_is_found_out(lunch: Ordered, kind: str) -> None:
    order = lunch().bring(OrderStatus.PLACED)
    order.fault(kind, path=CAPTURE)
    order.cancel()
    assert order.settles().status == OrderStatus.CANCELLED
    assert order.paid() == {"restaurant": FOOD, "runner": HALF}


def test_a_part_that_the_card_refuses_calls_a_person_and_holds_nothing(lunch: Ordered) -> None:
    order = lunch().bring(OrderStatus.PLACED)
    order.fault("decline_capture", path=CAPTURE)
    run = order.ends(order.cancel())
    assert run.status == RunStatus.PARKED
    assert run.amount_at_risk == FOOD + HALF + PLATFORM
    assert "The card refused" in run.reason
    nobody_pays(order)


def test_a_worker_killed_during_the_void_leaves_no_hold(
    lunch: Ordered, new_worker: Callable[..., Worker]
) -> None:
    first = new_worker()
    order = lunch()
    order.fault("latency", path=CANCEL, seconds=2)
    run = order.cancel()
    eventually(lambda: Run.objects.get(pk=run.pk).lease_until)
    first.kill()
    new_worker()
    nobody_pays(order.settles())


# Time.


def run_out(order: Lunch) -> None:
    """The order's time is up; whoever looks next fires it."""
    mine = ScheduledEvent.objects.filter(entity_id=order.id, event_type="ORDER_TIMEOUT")
    mine.filter(status="PENDING").update(due_at=Now())


def test_an_order_nobody_accepts_is_called_off_in_time(lunch: Ordered) -> None:
    order = lunch()
    run_out(order)
    fire_due()
    eventually(lambda: order.status == OrderStatus.CANCELLED)
    nobody_pays(order.settles())
    assert order.timers() == {"ORDER_TIMEOUT": "FIRED", "ESCROW_TIMEOUT": "CANCELLED"}


def test_a_timeout_that_comes_too_late_is_ignored(lunch: Ordered) -> None:
    order = lunch().bring(OrderStatus.PLACED)
    ScheduledEvent.objects.filter(entity_id=order.id, event_type="ORDER_TIMEOUT").update(
        status="FIRED", fired_at=Now(), cancelled_at=None
    )
    facts = {"order_id": order.id, "by": "timeout", "reason": "nobody accepted it in time"}
    assert enqueue_many("cancel_order", [(str(order.id), facts)]) == 1
    run = Run.objects.get(saga="cancel_order", key=str(order.id))
    assert order.ends(run).status == RunStatus.COMPENSATED
    assert order.status == OrderStatus.PLACED
    assert order.timers()["ORDER_TIMEOUT"] == "IGNORED"


def test_two_firings_are_one_cancellation(lunch: Ordered) -> None:
    order = lunch()
    facts = {"order_id": order.id, "by": "timeout", "reason": "nobody accepted it in time"}
    wanted = [(str(order.id), facts)]
    with transaction.atomic():
        both = enqueue_many("cancel_order", wanted), enqueue_many("cancel_order", wanted)
    assert both == (1, 0)
    nobody_pays(order.settles())
    assert order.events().count("order.cancelled") == 1
    assert at_stripe(order.id)["captured"] == 0
    assert TOTAL not in order.held()
