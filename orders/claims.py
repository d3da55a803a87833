"""Orders that were delivered and not paid for: what is owed, and that it is settled."""

from typing import Literal
from uuid import UUID

from orders import errors
from orders.ending import Completing, arrive, completing
from orders.models import Order
from orders.states import OrderStatus

#: Who settles a claim: the customer's saved card, charged anew; or the platform, out of its own.
Payer = Literal["card", "platform"]
PAYERS: tuple[Payer, ...] = ("card", "platform")


def claim_of(*, order_id: UUID, paid_by: str) -> Completing:
    """Whose money an order's is that is COMPLETED_UNPAID; it stays so until the transaction ends.

    Raises UnknownPayer, UnknownOrder, OrderMoved.
    """
    if paid_by not in PAYERS:
        told = " or ".join(PAYERS)
        raise errors.UnknownPayer(f"Nobody is called {paid_by}: {told}.", field="paid_by")
    order = Order.objects.select_for_update().filter(id=order_id).first()
    if order is None:
        raise errors.UnknownOrder("There is no such order.", field="order_id")
    if order.status != OrderStatus.COMPLETED_UNPAID:
        raise errors.OrderMoved(f"The order is {order.status}; nothing is owed for it.")
    return completing(order)


def mark_paid(*, order_id: UUID) -> None:
    """COMPLETED_UNPAID → COMPLETED; record `order.completed`. A second time changes nothing.

    Raises OrderMoved, UnknownOrder.
    """
    arrive(order_id, OrderStatus.COMPLETED_UNPAID, OrderStatus.COMPLETED)
