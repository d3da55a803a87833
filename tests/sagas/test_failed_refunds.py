"""Refunds that don't reach the card: the debt is there again, and a person pays it otherwise."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from campusg.ids import new_id
from escrow.chart import Code
from payments.errors import NothingToRefund, NothingToRepay
from payments.models import Operation, OperationState, PaymentStatus
from payments.money_back import Refund
from payments.refunds import begin_refund
from sagas.engine.hands import Told
from sagas.manual import capture_payment
from sagas.models import LIVE, Run, RunStatus
from sagas.operating import act_on
from sagas.refund_order import refund_order
from sagas.repay_customer import repaid_otherwise
from tests.conftest import eventually
from tests.makers import change_account
from tests.sagas.hearing import hear
from tests.sagas.lunch import DELIVERY, TOTAL, Lunch
from tests.sagas.money_back import differences, fails, refund_of, sandbox

pytestmark = pytest.mark.story
Ordered = Callable[..., Lunch]


def refunded(lunch: Ordered, card: str = "pm_card_visa") -> tuple[Lunch, Run]:
    order = lunch(card).bring()
    order.complete()
    order.settles()
    return order, order.begin(refund_order, by_user_id=new_id(), reason="there was a fly in it")


def repaying(order: Lunch) -> Run:
    runs = Run.objects.filter(saga="repay_customer", key__startswith=str(order.id))
    eventually(lambda: runs.filter(status=RunStatus.PARKED).exists())
    return runs.get()


def repay(order: Lunch, by: UUID | None = None, **said: Any) -> Run:
    facts = {"move": "repaid_otherwise", "by_user_id": by or new_id(), "reason": "bank transfer"}
    return order.begin(repaid_otherwise, **facts | said)


def owed_until_it_is_paid_otherwise(order: Lunch) -> None:
    run = repaying(order)
    assert run.amount_at_risk == order.balance(Code.CUSTOMER_PAYABLE) == TOTAL
    assert "POST /api/payments/repaid" in run.remedy
    assert order.balance(Code.REFUND_IN_FLIGHT) == 0
    assert order.payment.status == PaymentStatus.REFUND_FAILED
    assert order.events().count("payment.refund_failed") == 1
    with pytest.raises(NothingToRefund), transaction.atomic():
        begin_refund(order_id=order.id)
    assert repay(order).status == RunStatus.COMPLETED
    assert order.ends(run).status == RunStatus.COMPLETED
    assert order.balance(Code.CUSTOMER_PAYABLE) == 0
    assert order.balance(Code.PAID_OUTSIDE) == TOTAL
    assert order.payment.status == PaymentStatus.REPAID
    refund = Refund.objects.get(order_id=order.id)
    assert (refund.status, refund.repaid_reason) == ("failed", "bank transfer")
    with pytest.raises(NothingToRepay):
        repay(order)
    # Told again, it is neither owed nor failed again.
    before = order.events()
    hear(order)
    assert order.events() == before
    assert not Run.objects.filter(saga="repay_customer", status__in=LIVE, key=run.key).exists()
    assert differences(order) == []


@pytest.mark.fault(21)
def test_a_refund_that_fails_after_it_succeeded_is_owed_again(lunch: Ordered) -> None:
    order, run = refunded(lunch)
    assert order.ends(run).status == RunStatus.COMPLETED
    before = order.balance(Code.STRIPE_CLEARING)
    fails(order)
    repaying(order)
    assert order.balance(Code.STRIPE_CLEARING) == before + TOTAL
    owed_until_it_is_paid_otherwise(order)


@pytest.mark.fault(21)
def test_a_refund_that_is_pending_and_then_fails_is_owed_too(lunch: Ordered) -> None:
    order, run = refunded(lunch, "pm_card_pendingRefund")
    assert refund_of(order).status == "pending"
    fails(order)
    assert order.ends(run).status == RunStatus.COMPLETED
    assert "payment.refunded" not in order.events()
    owed_until_it_is_paid_otherwise(order)


def test_a_refund_that_is_pending_and_then_succeeds_is_done(lunch: Ordered) -> None:
    order, run = refunded(lunch, "pm_card_pendingRefund")
    assert refund_of(order).status == "pending"
    sandbox(f"refunds/{refund_of(order).stripe_id}", status="succeeded").raise_for_status()
    hear(order)
    assert order.ends(run).status == RunStatus.COMPLETED
    assert refund_of(order).status == "succeeded"
    assert order.payment.status == PaymentStatus.REFUNDED
    assert differences(order) == []


@pytest.mark.fault(21)
def test_a_refund_that_a_person_was_called_for_and_then_fails_is_owed_too(lunch: Ordered) -> None:
    order, run = refunded(lunch, "pm_card_pendingRefund")
    call = Operation.objects.filter(pk=refund_of(order).operation_id)

    def called() -> bool:
        # A look of the schedule that was under way may say otherwise once more.
        unknown = call.filter(state=OperationState.UNKNOWN)
        unknown.update(state=OperationState.NEEDS_OPERATOR, next_try_at=None)
        return Run.objects.get(pk=run.pk).status == RunStatus.PARKED

    eventually(called)
    fails(order)
    assert call.get().state == OperationState.FAILED
    act_on("resume", run.pk, Told("The refund came back."), actor="ines")
    assert order.ends(run).status == RunStatus.COMPLETED
    owed_until_it_is_paid_otherwise(order)


@pytest.mark.fault(13, 21)
def test_a_refund_that_failed_and_nobody_told_us_of_is_found_by_reconciliation(
    lunch: Ordered,
) -> None:
    order, run = refunded(lunch)
    assert order.ends(run).status == RunStatus.COMPLETED
    fails(order, heard=False)
    # Found, and followed: a run books it, so it is the next look that finds them to agree.
    differences(order)
    owed_until_it_is_paid_otherwise(order)


@pytest.mark.fault(21)
@pytest.mark.parametrize("card", ["pm_card_visa", "pm_card_pendingRefund"])
def test_an_order_called_off_after_its_money_was_taken_owes_it_too(
    lunch: Ordered, card: str
) -> None:
    order = lunch(card).bring()
    facts = {"move": "capture_payment", "by_user_id": new_id(), "reason": "it was parked"}
    assert order.ends(order.begin(capture_payment, **facts)).status == RunStatus.COMPLETED
    run = order.cancel(by="ops")
    if card == "pm_card_visa":
        assert order.ends(run).status == RunStatus.COMPLETED
    fails(order)
    assert order.ends(run).status == RunStatus.COMPLETED
    assert order.status == "CANCELLED"
    owed_until_it_is_paid_otherwise(order)


@pytest.mark.fault(22)
def test_a_refund_whose_reversal_is_impossible_is_done_and_the_payee_owes_it(
    lunch: Ordered,
) -> None:
    order = lunch().bring()
    order.complete()
    order.settles()
    change_account(order.runner, pay_out=True)
    run = order.begin(refund_order, by_user_id=new_id(), reason="there was a fly in it")
    assert order.ends(run).status == RunStatus.COMPLETED
    assert order.balance(Code.PAYEE_RECEIVABLE) == DELIVERY
    assert order.payment.status == PaymentStatus.REFUNDED
    assert differences(order) == []
