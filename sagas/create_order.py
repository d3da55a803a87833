"""Create order: hold the customer's money, set it aside in escrow, open the order to runners.

Nothing is captured here. When a step is refused, every step begun so far is taken back,
last one first, and the order ends CANCELLED with nothing held. Once the order is open (the
pivot) it is no longer this saga's to take back: runners can see it.
"""

from typing import TypedDict
from uuid import UUID

from orders.services import OrderLine
from sagas.engine import Saga, step
from sagas.participants import escrow, orders, payments, scheduler, users


class OrderRequested(TypedDict):
    """What a customer asks for. The server finds the prices."""

    order_id: UUID
    customer_id: UUID
    restaurant_id: UUID
    items: list[OrderLine]
    delivery_location: str


create_order = Saga(
    "create_order",
    step(users.get_customer),
    step(orders.create, compensate=orders.cancel, emits="order.pending_payment"),
    step(payments.authorize, compensate=payments.release, emits="payment.authorized"),
    step(escrow.hold, compensate=escrow.cancel, emits="escrow.held"),
    step(orders.mark_created, emits="order.created", pivot=True),
    step(scheduler.start_order_timeout, optional=True),
    given=OrderRequested,
    promise=escrow.settled,
    stake="total",
)
