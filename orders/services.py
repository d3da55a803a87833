"""The front door of orders: place one, deliver it, complete or cancel it."""

from orders.by_hand import OrderMoney, money_by_hand
from orders.cancelling import Due, Fees, Who, due_when_cancelled
from orders.delivery import Assigned, advance, assign, release_runner, unassign
from orders.ending import (
    Cancelling,
    Completing,
    begin_cancelling,
    begin_completing,
    mark_cancelled,
    mark_completed,
    note_overdue,
    still_open,
    stop_cancelling,
    stop_completing,
)
from orders.handover import check_pin, override_pin, pin_of
from orders.placing import (
    LINES_MAX,
    Dish,
    OrderLine,
    PlacedOrder,
    await_payment,
    cancel,
    create,
    mark_created,
    open_restaurant,
    owner_of,
    waiting_for_a_runner,
)
from orders.rating import rate

__all__ = [
    "LINES_MAX",
    "Assigned",
    "Cancelling",
    "Completing",
    "Dish",
    "Due",
    "Fees",
    "OrderLine",
    "OrderMoney",
    "PlacedOrder",
    "Who",
    "advance",
    "assign",
    "await_payment",
    "begin_cancelling",
    "begin_completing",
    "cancel",
    "check_pin",
    "create",
    "due_when_cancelled",
    "mark_cancelled",
    "mark_completed",
    "mark_created",
    "money_by_hand",
    "note_overdue",
    "open_restaurant",
    "override_pin",
    "owner_of",
    "pin_of",
    "rate",
    "release_runner",
    "still_open",
    "stop_cancelling",
    "stop_completing",
    "unassign",
    "waiting_for_a_runner",
]
