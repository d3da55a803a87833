"""Complete order: take the money, owe it to restaurant, runner and platform, pay it out.

The capture is the pivot: whatever comes of it, the meal is delivered. A card that says no now
leaves the order COMPLETED_UNPAID, everybody's claim in the books, and the run with a person; a run
of its own (`settle_claim`) gives the hold back and tries the card once more. Each payee is paid by
a run of their own (`pay_out`), so the order is complete before they are.
"""

from typing import TypedDict
from uuid import UUID

from sagas.engine import Saga, step
from sagas.participants import claims, escrow, orders, payments, payouts, scheduler


class OrderDelivered(TypedDict):
    """The order that was handed over."""

    order_id: UUID


complete_order = Saga(
    "complete_order",
    step(orders.begin_completing, compensate=orders.stop_completing),
    step(payments.capture, pivot=True, emits="payment.captured"),
    step(escrow.capture, emits="escrow.captured"),
    step(escrow.release, emits="escrow.released"),
    step(payouts.start),
    step(orders.mark_completed, emits="order.completed"),
    step(scheduler.stop_timers, optional=True),
    step(claims.start),
    given=OrderDelivered,
    promise=escrow.paid_on,
    stake="total",
)
