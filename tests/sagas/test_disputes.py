"""Disputes: while a bank decides nobody is paid on, and nothing is refunded beside it."""

from collections.abc import Callable

import pytest

from campusg.ids import new_id
from escrow.chart import Code
from payments.errors import NothingToDecide, PaymentDisputed
from payments.gateway import client
from payments.models import HeldPayout, Operation, OperationState, Payment
from payments.money_back import Dispute
from sagas.decide_disputed import decide_disputed
from sagas.models import Run, RunStatus
from sagas.refund_order import refund_order
from tests.conftest import eventually
from tests.makers import at_stripe, change_account
from tests.payments.webhooks import events_of
from tests.sagas.hearing import hear, hear_of, tell
from tests.sagas.lunch import DELIVERY, FOOD, PLATFORM, TOTAL, Lunch
from tests.sagas.money_back import decided, differences, disputed, sandbox

pytestmark = pytest.mark.story
Ordered = Callable[..., Lunch]
#: What Stripe keeps for a dispute, won or lost.
FEE = 1500
CAPTURE = "/v1/payment_intents/*/capture"


def delivered_and_paid(lunch: Ordered) -> Lunch:
    order = lunch().bring()
    order.complete()
    return order.settles()


def half_paid(lunch: Ordered) -> Lunch:
    """Completed; the restaurant is paid, the runner's account is restricted."""
    order = lunch().bring()
    change_account(order.runner, transfers="inactive")
    hear_of(order.runner)
    order.ends(order.complete())
    eventually(lambda: order.owed()["restaurant"] == 0)
    eventually(lambda: order.pay_out("runner").status == RunStatus.WAITING)
    return order


def freezes(order: Lunch) -> None:
    """The runner's account may be paid again, but the charge is disputed."""
    change_account(order.runner, transfers="active")
    hear_of(order.runner)
    eventually(HeldPayout.objects.filter(order_id=order.id, waits_for="dispute").exists)
    assert order.paid() == {"restaurant": FOOD, "runner": 0}
    assert order.owed()["runner"] == DELIVERY


def say(order: Lunch, payees: str) -> Run:
    """An operator decides what becomes of those who are not paid."""
    facts = {"move": "decide_disputed", "by_user_id": new_id(), "reason": "they did their part"}
    return order.begin(decide_disputed, payees=payees, **facts)


def at_hand(order: Lunch) -> int:
    """What stands at Stripe for the order, by the books."""
    return order.balance(Code.STRIPE_CLEARING)


def charge_of(order: Lunch) -> str:
    """The charge that the capture has made, though nobody has told us."""
    charge = client().v1.payment_intents.retrieve(order.payment.payment_intent).latest_charge
    assert isinstance(charge, str)
    return charge


@pytest.mark.fault(23)
def test_a_dispute_freezes_what_is_not_paid_yet_until_it_is_won(lunch: Ordered) -> None:
    order = half_paid(lunch)
    before = at_hand(order)
    opened = disputed(order)
    assert (opened.amount, opened.withdrawn, opened.fee) == (TOTAL, TOTAL, FEE)
    assert opened.evidence_due_by
    assert order.balance(Code.DISPUTE_RECEIVABLE) == TOTAL
    assert at_hand(order) == before - TOTAL - FEE
    freezes(order)
    decided(order, "won")
    assert order.settles().paid() == {"restaurant": FOOD, "runner": DELIVERY}
    assert order.balance(Code.DISPUTE_RECEIVABLE) == order.balance(Code.DISPUTE_LOSSES) == 0
    assert at_hand(order) == PLATFORM - at_stripe(order.id)["fee"] - FEE
    told = order.events()
    assert told.count("payment.dispute_opened") == told.count("payment.dispute_closed") == 1
    assert differences(order) == []


@pytest.mark.fault(23)
@pytest.mark.parametrize("payees", ["paid", "unpaid"])
def test_of_a_lost_dispute_a_person_decides_who_is_still_paid(lunch: Ordered, payees: str) -> None:
    order = half_paid(lunch)
    disputed(order)
    freezes(order)
    with pytest.raises(NothingToDecide, match="wait for a decision"):
        say(order, payees)
    decided(order, "lost")
    eventually(lambda: order.pay_out("runner").status == RunStatus.PARKED)
    assert "decide_disputed" in order.pay_out("runner").reason
    assert order.balance(Code.DISPUTE_LOSSES) == TOTAL
    assert order.ends(say(order, payees)).status == RunStatus.COMPLETED
    runner = DELIVERY if payees == "paid" else 0
    assert order.settles().paid() == {"restaurant": FOOD, "runner": runner}
    assert order.owed()["runner"] == order.balance(Code.DISPUTE_RECEIVABLE) == 0
    assert order.balance(Code.DISPUTE_LOSSES) == TOTAL - DELIVERY + runner
    assert order.events().count("payout.withheld") == (payees == "unpaid")
    with pytest.raises(NothingToDecide):
        say(order, payees)
    assert differences(order) == []


@pytest.mark.fault(23)
def test_after_the_payouts_the_platform_bears_what_is_lost(lunch: Ordered) -> None:
    order = delivered_and_paid(lunch)
    disputed(order)
    with pytest.raises(PaymentDisputed, match="answer or accept"):
        order.begin(refund_order, by_user_id=new_id(), reason="there was a fly in it")
    decided(order, "lost")
    assert order.balance(Code.DISPUTE_LOSSES) == TOTAL
    with pytest.raises(PaymentDisputed, match="given this money back"):
        order.begin(refund_order, by_user_id=new_id(), reason="there was a fly in it")
    with pytest.raises(NothingToDecide, match="Nobody is owed"):
        say(order, "unpaid")
    assert at_stripe(order.id)["refunded"] == 0
    assert order.paid() == {"restaurant": FOOD, "runner": DELIVERY}
    assert differences(order) == []


@pytest.mark.fault(12, 23)
def test_what_is_told_of_a_dispute_last_first_and_twice_is_noted_and_booked_once(
    lunch: Ordered,
) -> None:
    order = delivered_and_paid(lunch)
    name = sandbox(f"charge_back/{order.payment.charge}").json()["id"]
    sandbox(f"disputes/{name}", status="won").raise_for_status()
    told = [one for one in events_of(order.payment.payment_intent) if "dispute" in one["type"]]
    assert {"charge.dispute.closed", "charge.dispute.created"} < {one["type"] for one in told}
    for event in told[::-1]:
        tell([event])
    for event in told:
        tell([event | {"id": f"{event['id']}x"}])
    dispute = Dispute.objects.get(stripe_id=name)
    assert (dispute.status, dispute.withdrawn, dispute.reinstated) == ("won", TOTAL, TOTAL)
    assert order.balance(Code.DISPUTE_RECEIVABLE) == 0
    said = order.events()
    assert said.count("payment.dispute_opened") == said.count("payment.dispute_closed") == 1
    assert differences(order) == []


@pytest.mark.fault(23)
def test_a_dispute_that_comes_before_the_capture_is_answered_freezes_the_payouts(
    lunch: Ordered,
) -> None:
    order = lunch().bring()
    order.fault("latency", path=CAPTURE, seconds=4)
    run = order.complete()
    captures = Operation.objects.filter(order_id=order.id, kind="capture")
    eventually(lambda: at_stripe(order.id)["captured"] == TOTAL)
    assert captures.get().state == OperationState.SENT, "nobody has heard of it"
    charge = charge_of(order)
    sandbox(f"charge_back/{charge}").raise_for_status()
    hear(order)
    assert order.ends(run).status == RunStatus.COMPLETED
    assert order.payment.charge == charge
    for leg in ("restaurant", "runner"):
        eventually(lambda leg=leg: order.pay_out(leg).waits_for.startswith("undisputed"))
    assert order.paid() == {"restaurant": 0, "runner": 0}
    decided(order, "won")
    assert order.settles().paid() == {"restaurant": FOOD, "runner": DELIVERY}
    assert differences(order) == []


@pytest.mark.fault(13, 23)
def test_a_dispute_that_nobody_told_us_of_is_found_by_reconciliation(lunch: Ordered) -> None:
    order = half_paid(lunch)
    name = sandbox(f"charge_back/{order.payment.charge}").json()["id"]
    assert differences(order) == []
    assert Dispute.objects.get(stripe_id=name).withdrawn == TOTAL
    freezes(order)
    decided(order, "won", heard=False)
    assert differences(order) == []
    assert order.settles().paid()["runner"] == DELIVERY


@pytest.mark.fault(23)
def test_what_was_won_may_be_refunded_and_what_was_refunded_is_not_disputed(
    lunch: Ordered,
) -> None:
    order = delivered_and_paid(lunch)
    disputed(order)
    decided(order, "won")
    run = order.begin(refund_order, by_user_id=new_id(), reason="there was a fly in it")
    assert order.ends(run).status == RunStatus.COMPLETED
    assert at_stripe(order.id)["refunded"] == TOTAL
    assert sandbox(f"charge_back/{order.payment.charge}").status_code == 400
    hear(order)
    assert Dispute.objects.filter(order_id=order.id).count() == 1
    assert differences(order) == []


@pytest.mark.fault(23)
def test_an_inquiry_moves_no_money_and_freezes_the_payouts_all_the_same(lunch: Ordered) -> None:
    order = half_paid(lunch)
    before = at_hand(order)
    assert disputed(order, inquiry=True).refundable
    assert at_hand(order) == before
    freezes(order)
    decided(order, "warning_closed")
    assert order.settles().paid()["runner"] == DELIVERY
    assert at_hand(order) == before - DELIVERY


def test_a_warning_of_fraud_flags_the_payment_once(lunch: Ordered) -> None:
    order = delivered_and_paid(lunch)
    sandbox(f"fraud_warnings/{order.payment.charge}").raise_for_status()
    for _ in range(2):
        hear(order)
    payment = Payment.objects.get(order_id=order.id)
    assert payment.fraud_warning.startswith("issfr_")
    assert payment.fraud_warned_at
    assert order.events().count("payment.fraud_warned") == 1
