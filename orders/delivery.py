"""Delivering: a runner takes an order, moves it along, or backs out while that harms nobody."""

from typing import TypedDict
from uuid import UUID

from orders import errors
from orders.models import Order
from orders.moving import move, move_back
from orders.states import DELIVERING, OrderStatus


class Assigned(TypedDict):
    """Who delivers the order."""

    assigned_runner_id: UUID


def assign(*, order_id: UUID, runner_id: UUID) -> Assigned:
    """CREATED → ACCEPTED for the first runner who asks; record `order.accepted`.

    Asking again for an order that is already theirs changes nothing and returns the same. Raises
    OrderTaken, OwnOrder, OrderMoved, UnknownOrder.
    """
    # Who ordered never changes, so this look needs no lock.
    customer_id = Order.objects.filter(id=order_id).values_list("customer_id", flat=True).first()
    if customer_id is None:
        raise errors.UnknownOrder("There is no such order.", field="order_id")
    if customer_id == runner_id:
        raise errors.OwnOrder("You cannot deliver your own order.", field="runner_id")
    moved = move(
        order_id,
        OrderStatus.ACCEPTED,
        "order.accepted",
        among=(OrderStatus.CREATED,),
        only={"runner_id": None},
        changes={"runner_id": runner_id},
    )
    if moved is None:
        _refuse_unless_theirs(order_id, runner_id)
    return {"assigned_runner_id": runner_id}


def unassign(*, order_id: UUID, runner_id: UUID) -> None:
    """Undo `assign`: ACCEPTED with exactly this runner → CREATED; record `order.released`.

    Another runner's order, or one that has moved on, stays as it is.
    """
    _let_go(order_id, runner_id)


def release_runner(*, order_id: UUID, runner_id: UUID) -> None:
    """The runner backs out: ACCEPTED → CREATED; record `order.released`.

    Raises UnknownOrder unless the order is theirs, and OrderMoved once it is PLACED: by then the
    kitchen is at work. Whoever calls this sees to the order's timeout in the same transaction.
    """
    if not _let_go(order_id, runner_id):
        status = _delivery(order_id, runner_id)
        raise errors.OrderMoved(f"The order is {status}; you can only back out of an ACCEPTED one.")


def advance(*, order_id: UUID, runner_id: UUID, to: OrderStatus) -> None:
    """ACCEPTED → PLACED → ON_THE_WAY → DELIVERED, one step, by the order's own runner.

    Records `order.status_updated`; where the order is already it stays. Raises UnknownOrder unless
    the order is theirs, NotADeliveryStep, and OrderMoved when it is not the next step.
    """
    if to not in DELIVERING[1:]:
        raise errors.NotADeliveryStep(
            f"A runner moves an order to {', '.join(DELIVERING[1:])}.", field="status"
        )
    only = {"runner_id": runner_id}
    if move(order_id, to, "order.status_updated", among=DELIVERING, only=only) is None:
        status = _delivery(order_id, runner_id)
        if status != to:
            raise errors.OrderMoved(f"The order is {status}; it cannot become {to}.")


def _let_go(order_id: UUID, runner_id: UUID) -> bool:
    moved = move_back(
        order_id,
        OrderStatus.ACCEPTED,
        OrderStatus.CREATED,
        "order.released",
        only={"runner_id": runner_id},
        changes={"runner_id": None},
        data={"released_runner_id": runner_id},
    )
    return moved is not None


def _delivery(order_id: UUID, runner_id: UUID) -> str:
    """The status of this runner's order; another's doesn't exist for them."""
    theirs = Order.objects.filter(id=order_id, runner_id=runner_id)
    status = theirs.values_list("status", flat=True).first()
    if status is None:
        raise errors.UnknownOrder("You have no such delivery.", field="order_id")
    return status


def _refuse_unless_theirs(order_id: UUID, runner_id: UUID) -> None:
    status, holder = Order.objects.values_list("status", "runner_id").get(id=order_id)
    if (status, holder) == (OrderStatus.ACCEPTED, runner_id):
        return
    if holder is not None and holder != runner_id:
        raise errors.OrderTaken("Another runner was first.")
    raise errors.OrderMoved(f"The order is {status}; it cannot become {OrderStatus.ACCEPTED}.")
