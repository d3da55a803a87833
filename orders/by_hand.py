"""Where an order has to stand for its money to be moved by hand: one table of data."""

from typing import TypedDict
from uuid import UUID

from orders import errors
from orders.models import Order
from orders.states import UNPAID, OrderStatus

S = OrderStatus

#: Money is held before an order is open, taken and passed on once it is delivered, and let go
#: when nothing comes of it, by hand as by the sagas; a refund gives back what was passed on.
TABLE: dict[str, tuple[OrderStatus, ...]] = {
    "authorize_payment": UNPAID,
    "hold_escrow": UNPAID,
    "capture_payment": (S.DELIVERED, S.COMPLETING),
    "release_escrow": (S.DELIVERED, S.COMPLETING),
    "release_payment": (*UNPAID, S.CANCELLING, S.CANCELLED),
    "refund_order": (S.DELIVERED, S.COMPLETING, S.COMPLETED),
    "cancel_escrow": (*UNPAID, S.CANCELLING, S.CANCELLED),
}
MOVES = tuple(TABLE)


class OrderMoney(TypedDict):
    """Whose money it is; amounts are minor units of `currency`."""

    customer_id: UUID
    restaurant_id: UUID
    runner_id: UUID | None
    food_fee: int
    delivery_fee: int
    platform_fee: int
    total: int
    currency: str


def money_by_hand(*, order_id: UUID, move: str) -> OrderMoney:
    """What the order says about its money, if it stands where this `move` may be made by hand.

    Call it in a transaction: the order stays there until its end. Raises UnknownOrder, OrderMoved.
    """
    locked = Order.objects.select_for_update(of=("self",)).filter(id=order_id)
    order = locked.values("status", *OrderMoney.__annotations__).first()
    if order is None:
        raise errors.UnknownOrder("There is no such order.", field="order_id")
    status = order.pop("status")
    if status not in TABLE[move]:
        raise errors.OrderMoved(f"The order is {status}: {move} is for {', '.join(TABLE[move])}.")
    money: OrderMoney = order
    return money
