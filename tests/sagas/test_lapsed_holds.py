"""Holds that end under their order: nobody is left with an order that nobody pays."""

from collections.abc import Callable

import pytest

from escrow.chart import Code
from orders.states import OrderStatus
from payments.models import PaymentStatus
from sagas.models import Run, RunStatus
from tests.conftest import eventually
from tests.makers import at_stripe, give_card
from tests.sagas.hearing import hear
from tests.sagas.lunch import DELIVERY, FOOD, TOTAL, Lunch

pytestmark = pytest.mark.story
Ordered = Callable[..., Lunch]


@pytest.mark.fault(15)
@pytest.mark.parametrize("stage", ["CREATED", "PLACED"])
def test_a_hold_that_lapses_ends_its_order_and_costs_nothing(lunch: Ordered, stage: str) -> None:
    order = lunch().bring(OrderStatus(stage))
    order.lapse()
    hear(order)
    eventually(lambda: order.status == OrderStatus.CANCELLED)
    order.settles()
    assert order.payment.status == PaymentStatus.LAPSED
    assert order.payment.lapsed_at
    assert [order.balance(code) for code in Code] == [0] * len(Code)
    assert (at_stripe(order.id)["held"], at_stripe(order.id)["captured"]) == (0, 0)
    assert order.events().count("payment.lapsed") == 1
    assert "payment.released" not in order.events()
    # Told once more, and late, nothing changes.
    before = order.events()
    hear(order)
    assert order.events() == before


@pytest.mark.fault(15, 16)
def test_a_hold_that_lapses_after_the_delivery_is_charged_anew(lunch: Ordered) -> None:
    order = lunch().bring()
    order.lapse()
    hear(order)
    eventually(lambda: order.status == OrderStatus.COMPLETED)
    assert order.settles().paid() == {"restaurant": FOOD, "runner": DELIVERY}
    assert at_stripe(order.id)["captured"] == TOTAL
    told = order.events()
    assert told.index("payment.lapsed") < told.index("order.completed_unpaid")


@pytest.mark.fault(15, 16)
def test_what_can_not_be_charged_anew_waits_for_a_person(lunch: Ordered) -> None:
    order = lunch().bring()
    give_card(order.customer, "pm_card_chargeCustomerFail")
    order.lapse()
    hear(order)
    eventually(lambda: order.status == OrderStatus.COMPLETED_UNPAID)
    assert order.ends(order.settlement()).status == RunStatus.COMPENSATED
    run = Run.objects.get(saga="complete_order", key=str(order.id))
    eventually(lambda: order.ends(run).status == RunStatus.PARKED)
    assert order.ends(run).amount_at_risk == TOTAL
    assert order.payment.status == PaymentStatus.LAPSED
    assert order.owed() == {"restaurant": FOOD, "runner": DELIVERY}
    assert order.balance(Code.CUSTOMER_CLAIM) == TOTAL


@pytest.mark.fault(15)
def test_a_hold_found_gone_as_it_is_given_back_has_lapsed(lunch: Ordered) -> None:
    order = lunch()
    order.lapse()
    assert order.ends(order.cancel()).status == RunStatus.COMPLETED
    assert (order.status, order.payment.status) == (OrderStatus.CANCELLED, PaymentStatus.LAPSED)
    assert order.events().count("payment.lapsed") == 1


def test_a_hold_that_we_gave_back_ourselves_has_not_lapsed(lunch: Ordered) -> None:
    order = lunch()
    order.ends(order.cancel())
    hear(order)
    assert order.payment.status == PaymentStatus.RELEASED
    assert "payment.lapsed" not in order.events()
