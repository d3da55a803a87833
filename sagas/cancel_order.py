"""Cancel order: by its customer, its runner, an operator, or time.

One table (orders/cancelling.py) says who may, in which state, and what is due all the same. From
that the card is settled once: its hold voided, captured in part, or what is too much refunded.
That is the pivot; before it everything can be put back, after it the order ends CANCELLED.
"""

from typing import TypedDict
from uuid import UUID

from orders.services import Who
from sagas.engine import Saga, step
from sagas.participants import escrow, orders, payments, payouts, repaying, scheduler


class OrderCalledOff(TypedDict):
    """Which order, by whom, and why."""

    order_id: UUID
    by: Who
    reason: str


cancel_order = Saga(
    "cancel_order",
    # Where the order stood is known once the first step is done, so the second takes it back.
    step(orders.begin_cancelling, compensate=scheduler.note_too_late),
    step(orders.decide_due, compensate=orders.stop_cancelling),
    step(scheduler.stop_timers, compensate=scheduler.restore_timers),
    step(payments.settle, pivot=True),
    step(escrow.settle),
    step(repaying.start_settled),
    step(payouts.start_what_is_due),
    step(orders.mark_cancelled, emits="order.cancelled"),
    given=OrderCalledOff,
    promise=escrow.paid_in_part,
    stake="total",
)
