"""What is noted of disputes, and what a payment may and may not do while there is one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.db.models.functions import Now

from campusg.ids import new_id
from payments import disputes, payouts, refunds
from payments.errors import NothingToDecide, OperatorNeeded, PaymentBusy, PaymentDisputed, PayoutOff
from payments.gateway import DisputeSeen
from payments.models import HeldPayout, Leg
from payments.money_back import Dispute, DisputeStatus
from sagas.engine import Waiting
from tests.payments.money import LOST, MADE, TOTAL, a_call, failed, payment, taken, told

pytestmark = pytest.mark.django_db

OPENED = DisputeSeen(
    id="du_1", payment_intent="pi_1", status="needs_response", amount=TOTAL, currency="USD",
    reason="fraudulent", refundable=False, evidence_due_by=datetime(2026, 5, 9, tzinfo=UTC),
    withdrawn=TOTAL, reinstated=0, fee=1500,
)  # fmt: skip
WON = replace(OPENED, status="won", reinstated=TOTAL)
GONE = replace(OPENED, status="lost")


def noted(order_id: UUID, *seen: DisputeSeen) -> Dispute:
    """Each as it was read once what came before was noted."""
    dispute = None
    for one in seen:
        version = disputes.version_of(one.id)
        dispute = disputes.note(payment(order_id).pk, one, version)
    assert dispute is not None
    return dispute


def verdict(order_id: UUID) -> Any:
    """What a payout to the runner has to wait for."""
    return payouts.wait_for_verdict(order_id=order_id, leg=Leg.RUNNER, amount=399)


def transfer(order_id: UUID) -> Any:
    return payouts.prepare_transfer(
        order_id=order_id, leg=Leg.RUNNER, destination="acct_1", amount=399
    )


def decide(order_id: UUID, payees: str) -> Dispute:
    return disputes.decide_payees(
        order_id=order_id, payees=payees, by_user_id=new_id(), reason="they cooked it"
    )


def test_what_was_read_before_something_newer_was_noted_is_to_be_read_again() -> None:
    order_id = taken()
    began = disputes.version_of("du_1")
    noted(order_id, WON)
    assert disputes.note(payment(order_id).pk, OPENED, began) is None
    dispute = Dispute.objects.get(stripe_id="du_1")
    assert (dispute.status, dispute.reinstated, dispute.closed_at is None) == ("won", TOTAL, False)


def test_it_is_told_when_it_is_first_seen_when_it_is_decided_and_after_an_appeal_again() -> None:
    order_id = taken()
    noted(order_id, OPENED, replace(OPENED, status="under_review"), GONE, GONE)
    kinds = [kind for kind, _ in told(order_id) if "dispute" in kind]
    assert kinds == ["payment.dispute_opened", "payment.dispute_closed"]
    said = told(order_id)[-1][1]
    assert (said["outcome"], said["dispute"], said["amount"]) == ("lost", "du_1", TOTAL)
    appealed = noted(order_id, replace(OPENED, status="appeal_under_review"))
    assert appealed.closed_at is None
    noted(order_id, WON)
    assert told(order_id)[-1][1]["outcome"] == "won"


@pytest.mark.parametrize("status", [one for one in DisputeStatus if one != "won"])
def test_while_it_is_open_or_lost_no_payout_begins_and_no_refund(status: str) -> None:
    order_id = taken()
    dispute = noted(order_id, replace(OPENED, status=status))
    waits = verdict(order_id)
    if dispute.closed_at:
        assert isinstance(waits, OperatorNeeded)
    else:
        assert isinstance(waits, Waiting)
        assert waits.signal == disputes.undisputed(payment(order_id).pk)
        held = HeldPayout.objects.filter(order_id=order_id)
        assert held.get().waits_for == "dispute"
        held.update(since=Now() - timedelta(days=365))
        assert isinstance(verdict(order_id), Waiting), "a bank takes as long as it takes"
    with pytest.raises(PaymentDisputed):
        refunds.begin_refund(order_id=order_id)
    assert isinstance(refunds.prepare_refund(order_id=order_id, amount=TOTAL), OperatorNeeded)


@pytest.mark.parametrize(
    "seen",
    [
        WON,
        # Won, and the money not back yet.
        replace(OPENED, status="won"),
        replace(OPENED, status="warning_closed", withdrawn=0, fee=0, refundable=True),
        replace(OPENED, status="prevented", withdrawn=0, fee=0, refundable=True),
    ],
)
def test_when_it_came_to_nothing_all_goes_on(seen: DisputeSeen) -> None:
    order_id = taken()
    noted(order_id, seen)
    assert verdict(order_id) is None
    a_call(transfer(order_id))


def test_an_inquiry_may_be_ended_by_a_refund() -> None:
    order_id = taken()
    inquiry = replace(OPENED, status="warning_needs_response", withdrawn=0, fee=0, refundable=True)
    noted(order_id, inquiry)
    assert refunds.begin_refund(order_id=order_id) == TOTAL
    with pytest.raises(PayoutOff):
        verdict(order_id)


def test_a_transfer_that_was_sent_before_goes_on_under_its_key() -> None:
    order_id = taken()
    call = a_call(transfer(order_id))
    payouts.record_transfer(call, LOST)
    noted(order_id, OPENED)
    assert verdict(order_id) is None
    assert a_call(transfer(order_id)).key == call.key
    payouts.record_transfer(call, MADE)
    assert verdict(order_id) is None


def test_a_person_decides_once_and_only_what_is_lost_and_quiet() -> None:
    order_id = taken()
    for seen in (None, OPENED):
        if seen:
            noted(order_id, seen)
        with pytest.raises(NothingToDecide), transaction.atomic():
            decide(order_id, "paid")
    noted(order_id, GONE)
    call = a_call(transfer(order_id))
    with pytest.raises(PaymentBusy), transaction.atomic():
        decide(order_id, "paid")
    payouts.record_transfer(call, failed("balance_insufficient"))
    assert decide(order_id, "paid").payees_decided_reason == "they cooked it"
    assert verdict(order_id) is None
    with pytest.raises(NothingToDecide), transaction.atomic():
        decide(order_id, "unpaid")


def test_who_is_not_to_be_paid_waits_no_longer() -> None:
    order_id = taken()
    noted(order_id, OPENED)
    verdict(order_id)
    noted(order_id, GONE)
    decide(order_id, "unpaid")
    assert HeldPayout.objects.get(order_id=order_id).ended_at is not None
    with pytest.raises(PayoutOff, match="decided against"):
        payouts.wait_for_account(order_id=order_id, leg=Leg.RUNNER, amount=399, why="inactive")
    with pytest.raises(PayoutOff, match="decided against"):
        transfer(order_id)


def test_a_state_that_stripe_never_told_us_of_is_not_guessed_at() -> None:
    order_id = taken()
    with pytest.raises(ValueError, match="arbitrated"), transaction.atomic():
        noted(order_id, replace(OPENED, status="arbitrated"))
    assert not Dispute.objects.filter(order_id=order_id).exists()
