"""Refund order: an operator gives a completed order's customer all their money back.

Above a limit another operator has agreed before. Payees who have been paid pay it back first, if
their accounts still hold it; what they can't pay back they owe us. The customer gets their money
all the same; if it does not reach the card, by a run of its own (`repay_customer`). From the first
reversal on there is only forward.
"""

from typing import TypedDict
from uuid import UUID

from sagas.engine import Saga, step
from sagas.participants import escrow, orders, payments, payouts, repaying


class OrderToRefund(TypedDict):
    """Which order, who asks, and why."""

    order_id: UUID
    by_user_id: UUID
    reason: str


refund_order = Saga(
    "refund_order",
    step(orders.agree_refund),
    step(payments.begin_refund, compensate=payments.stop_refund),
    step(escrow.paid_for),
    step(payments.reverse_restaurant, pivot=True),
    step(payments.reverse_runner),
    step(payouts.end_waiting),
    step(escrow.reverse_payouts),
    step(payments.refund, emits="payment.refunded"),
    step(escrow.refund, emits="escrow.refunded"),
    step(repaying.start),
    given=OrderToRefund,
    promise=escrow.given_back,
    stake="refund_due",
)
