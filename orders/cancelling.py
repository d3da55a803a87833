"""Who may cancel in which state, and who is paid all the same: one table of data."""

from typing import Literal, NamedTuple, TypedDict, get_args

from campusg.money import share
from orders.errors import MayNotCancel
from orders.states import OrderStatus

S = OrderStatus

#: `timeout`: no runner came in time. `expiry`: its money can't or shall not be held any longer.
Who = Literal["customer", "runner", "ops", "timeout", "expiry"]
WHO: tuple[Who, ...] = get_args(Who)
CANCELLABLE = (S.CREATED, S.ACCEPTED, S.PLACED, S.ON_THE_WAY, S.DELIVERED)


class Shares(NamedTuple):
    """What is due of each fee, in hundredths of a percent."""

    food: int
    delivery: int
    platform: int


class Fees(TypedDict):
    """An order's fees in minor units."""

    food_fee: int
    delivery_fee: int
    platform_fee: int


class Due(TypedDict):
    """What the customer pays of a cancelled order, in minor units; the rest they never pay."""

    food_due: int
    delivery_due: int
    platform_due: int


NOTHING = Shares(0, 0, 0)

#: What is not here may not be cancelled so. A customer who changes their mind after the kitchen
#: began pays the food and half the way; whatever is nobody's mistake but ours costs them nothing.
#: What was delivered does not expire: it is completed then, though nobody gave the PIN.
TABLE: dict[tuple[OrderStatus, Who], Shares] = {
    (S.CREATED, "customer"): NOTHING,
    (S.ACCEPTED, "customer"): NOTHING,
    (S.PLACED, "customer"): Shares(10_000, 5_000, 10_000),
    # The kitchen can't deliver what it promised. An ACCEPTED order is given back, not cancelled.
    (S.PLACED, "runner"): NOTHING,
    (S.CREATED, "ops"): NOTHING,
    (S.ACCEPTED, "ops"): NOTHING,
    (S.PLACED, "ops"): NOTHING,
    (S.ON_THE_WAY, "ops"): NOTHING,
    (S.DELIVERED, "ops"): NOTHING,
    (S.CREATED, "timeout"): NOTHING,
    (S.CREATED, "expiry"): NOTHING,
    (S.ACCEPTED, "expiry"): NOTHING,
    (S.PLACED, "expiry"): NOTHING,
    (S.ON_THE_WAY, "expiry"): NOTHING,
}


def due_when_cancelled(status_before: str, by: Who, fees: Fees) -> Due:
    """What is due of `fees` when `by` cancels an order in `status_before`; raises MayNotCancel."""
    shares = refuse_unless_allowed(OrderStatus(status_before), by)
    return {
        "food_due": share(fees["food_fee"], shares.food),
        "delivery_due": share(fees["delivery_fee"], shares.delivery),
        "platform_due": share(fees["platform_fee"], shares.platform),
    }


def refuse_unless_allowed(status: OrderStatus, by: Who) -> Shares:
    """What is due of each fee; raises MayNotCancel."""
    if (status, by) not in TABLE:
        raise MayNotCancel(f"The order is {status}; {by} may not cancel it now.")
    return TABLE[status, by]
