"""Settle claim: a card refused after the delivery; nothing stays held, and everybody is paid."""

from collections.abc import Callable

import pytest

from campusg.ids import new_id
from escrow.chart import Code
from orders import errors
from orders.states import OrderStatus
from payments.gateway import client
from payments.models import PaymentStatus
from sagas.models import Run, RunStatus
from sagas.refund_order import refund_order
from sagas.settle_claim import settle_claim
from tests.conftest import Worker, eventually
from tests.makers import at_stripe, give_card
from tests.sagas.lunch import DELIVERY, FOOD, PLATFORM, TOTAL, Lunch

pytestmark = pytest.mark.story
Ordered = Callable[..., Lunch]
CANCEL, CAPTURE = "/v1/payment_intents/*/cancel", "/v1/payment_intents/*/capture"
UNKNOWN = ["drop_request", "drop_reply", "conflict", "rate_limit", "stored_500_after"]


def eaten(order: Lunch) -> Lunch:
    """Delivered; the bank will not give what it has promised."""
    order.bring().fault("decline_capture", path=CAPTURE)
    return order


def unpaid(order: Lunch) -> Lunch:
    """And the saved card was declined too: the customer owes it."""
    give_card(eaten(order).customer, "pm_card_chargeCustomerFail")
    order.complete()
    assert order.ends(order.settlement()).status == RunStatus.COMPENSATED
    assert order.status == OrderStatus.COMPLETED_UNPAID
    return order


def settle(order: Lunch, paid_by: str) -> Run:
    return order.begin(settle_claim, paid_by=paid_by, reason="we talked to them")


def everybody_is_paid_though_late(order: Lunch) -> None:
    money = at_stripe(order.id)
    assert order.status == OrderStatus.COMPLETED
    assert (money["held"], money["captured"]) == (0, TOTAL)
    assert order.payment.status == PaymentStatus.CAPTURED
    assert order.paid() == {"restaurant": FOOD, "runner": DELIVERY}
    assert order.owed() == {"restaurant": 0, "runner": 0}
    assert order.balance(Code.CUSTOMER_CLAIM) == order.balance(Code.SUBSIDY) == 0
    assert order.balance(Code.STRIPE_CLEARING) == PLATFORM - money["fee"]
    completion = Run.objects.get(saga="complete_order", key=str(order.id))
    assert (completion.status, completion.amount_at_risk) == (RunStatus.COMPLETED, 0)


def test_a_refused_capture_gives_the_hold_back_and_tries_the_card_once_more(
    lunch: Ordered,
) -> None:
    order = eaten(lunch())
    before = len(order.events())
    order.complete()
    everybody_is_paid_though_late(order.settles())
    told = order.events()[before:]
    assert told.index("payment.released") < told.index("payment.captured")
    of_table = [row.emits for row in settle_claim.steps if row.emits]
    assert [one for one in told if one in of_table] == of_table


def test_a_hold_that_lapsed_is_charged_anew(lunch: Ordered) -> None:
    order = lunch().bring()
    order.lapse()
    order.complete()
    everybody_is_paid_though_late(order.settles())


@pytest.mark.parametrize("path", ["/v1/payment_intents", CANCEL])
@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_call_whose_outcome_is_unknown_is_found_out(lunch: Ordered, path: str, kind: str) -> None:
    order = eaten(lunch())
    order.fault(kind, path=path)
    order.complete()
    everybody_is_paid_though_late(order.settles())
    assert order.intents() == 2


def test_a_worker_killed_during_the_charge_leaves_one_charge(
    lunch: Ordered, new_worker: Callable[..., Worker]
) -> None:
    first = new_worker()
    order = eaten(lunch())
    order.fault("latency", path="/v1/payment_intents", seconds=2)
    order.complete()
    run = order.settlement()
    eventually(lambda: Run.objects.filter(pk=run.pk, position=3, lease_until__isnull=False))
    first.kill()
    new_worker()
    everybody_is_paid_though_late(order.settles())
    assert order.intents() == 2


def test_a_customer_with_a_new_card_pays_what_they_owe(lunch: Ordered) -> None:
    order = unpaid(lunch())
    assert order.paid() == {"restaurant": 0, "runner": 0}
    give_card(order.customer, "pm_card_visa")
    assert order.ends(settle(order, "card")).status == RunStatus.COMPLETED
    everybody_is_paid_though_late(order.settles())


def test_a_card_declined_again_leaves_everything_as_it_was(lunch: Ordered) -> None:
    order = unpaid(lunch())
    run = order.ends(settle(order, "card"))
    assert run.status == RunStatus.COMPENSATED
    assert "declined" in run.reason
    assert order.status == OrderStatus.COMPLETED_UNPAID
    assert order.balance(Code.CUSTOMER_CLAIM) == TOTAL
    assert at_stripe(order.id)["held"] == at_stripe(order.id)["captured"] == 0
    assert Run.objects.get(saga="complete_order", key=str(order.id)).status == RunStatus.PARKED


def test_what_nobody_can_collect_the_platform_bears(lunch: Ordered) -> None:
    # More than the refunds and disputes of all other tests take from what is available.
    client().v1.payment_intents.create(
        {"amount": 10_000_000, "currency": "usd", "payment_method": "pm_card_bypassPending",
         "allowed_payment_method_types": ["card"], "confirm": True}
    )  # fmt: skip
    order = unpaid(lunch())
    assert order.ends(settle(order, "platform")).status == RunStatus.COMPLETED
    assert order.settles().status == OrderStatus.COMPLETED
    assert order.paid() == {"restaurant": FOOD, "runner": DELIVERY}
    assert order.owed() == {"restaurant": 0, "runner": 0}
    assert order.balance(Code.SUBSIDY) == TOTAL
    assert order.balance(Code.CUSTOMER_CLAIM) == 0
    assert order.balance(Code.STRIPE_CLEARING) == -FOOD - DELIVERY
    assert order.payment.status == PaymentStatus.WRITTEN_OFF
    assert Run.objects.get(saga="complete_order", key=str(order.id)).status == RunStatus.COMPLETED


def test_what_was_paid_late_can_be_given_back(lunch: Ordered) -> None:
    order = eaten(lunch())
    order.complete()
    order.settles()
    run = order.begin(refund_order, by_user_id=new_id(), reason="there was a fly in it")
    assert order.ends(run).status == RunStatus.COMPLETED
    assert at_stripe(order.id)["refunded"] == TOTAL
    assert order.payment.status == PaymentStatus.REFUNDED


def test_only_what_is_owed_is_settled_and_by_somebody_we_know(lunch: Ordered) -> None:
    order = lunch().bring()
    with pytest.raises(errors.OrderMoved, match="DELIVERED; nothing is owed"):
        settle(order, "card")
    with pytest.raises(errors.UnknownPayer, match="card or platform"):
        settle(order, "their mother")
    assert not Run.objects.filter(saga="settle_claim", key=str(order.id)).exists()
