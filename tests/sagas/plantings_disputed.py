"""One way to break each invariant about money that a bank or a customer's card gave back."""

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from campusg.ids import new_id
from orders.models import Order
from payments.models import Operation, Payment, PaymentStatus
from payments.money_back import Dispute, DisputeStatus, Refund, RefundStatus
from tests.sagas.orders_at_rest import a_completed_order, a_refunded_order
from tests.sagas.planting import breaks

BOOKED = "I42 disputed money is booked"
FROZEN = "I43 disputed order pays nobody"
STANDS = "I18 clearing is what stands at Stripe"


def _disputed(order: Order, status: DisputeStatus, **fields: Any) -> None:
    """In a dispute since a minute before its payees were paid."""
    Dispute.objects.create(
        stripe_id=f"du_{new_id().hex}",
        payment=Payment.objects.get(order_id=order.id),
        order_id=order.id,
        amount=5,
        currency=order.currency,
        reason="fraudulent",
        status=status,
        refundable=False,
        opened_at=Now() - timedelta(minutes=1),
        **fields,
    )


@breaks(BOOKED, STANDS)
def _a_bank_took_money_that_no_book_misses() -> None:
    order = a_completed_order()
    Operation.objects.filter(order_id=order.id).update(sent_at=Now() - timedelta(hours=1))
    _disputed(order, DisputeStatus.NEEDS_RESPONSE, withdrawn=5)


@breaks(FROZEN)
def _payees_are_paid_from_disputed_money() -> None:
    _disputed(a_completed_order(), DisputeStatus.UNDER_REVIEW)


@breaks(FROZEN, BOOKED, STANDS)
def _payees_are_paid_from_lost_money_and_nobody_said_so() -> None:
    order = a_completed_order()
    before = Now() - timedelta(seconds=30)
    _disputed(order, DisputeStatus.LOST, withdrawn=5, closed_at=before)


@breaks("I44 failed refund is owed")
def _a_refund_failed_and_nobody_was_told() -> None:
    order = a_refunded_order()
    refunds = Refund.objects.filter(order_id=order.id)
    assert refunds.update(status=RefundStatus.FAILED, was_sent=False, failed_at=Now()) == 1


@breaks("I10 payment says what happened")
def _a_customer_is_said_to_be_paid_otherwise() -> None:
    Payment.objects.filter(order_id=a_completed_order().id).update(status=PaymentStatus.REPAID)


@breaks("I10 payment says what happened")
def _a_refund_is_said_to_have_failed() -> None:
    refunded = Payment.objects.filter(order_id=a_refunded_order().id)
    refunded.update(status=PaymentStatus.REFUND_FAILED)
