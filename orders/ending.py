"""How an order ends. COMPLETING and CANCELLING are locks: whoever got there first goes on alone."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from events.services import record
from orders import errors
from orders.cancelling import CANCELLABLE, Who, refuse_unless_allowed
from orders.models import Order
from orders.moving import Moved, cut, move, move_back, status_of, told
from orders.pricing import Priced
from orders.states import OrderStatus


class Completing(Priced):
    """Whose money it is; amounts are minor units of `currency`."""

    restaurant_id: UUID
    runner_id: UUID
    customer_id: UUID


class Cancelling(Priced):
    """Whose money it was; amounts are minor units of `currency`."""

    status_before: str
    runner_id_before: UUID | None
    restaurant_id: UUID
    customer_id: UUID


def begin_completing(*, order_id: UUID) -> Completing:
    """DELIVERED → COMPLETING; record `order.completion_begun`. Raises OrderMoved, UnknownOrder.

    Whether the customer has it is the caller's to check first (`check_pin`).
    """
    moved = move(
        order_id,
        OrderStatus.COMPLETING,
        "order.completion_begun",
        among=(OrderStatus.DELIVERED,),
    )
    if moved is None:
        raise _moved(order_id, OrderStatus.COMPLETING)
    return completing(moved)


def completing(order: Order | Moved) -> Completing:
    """What a delivered order says about its money."""
    assert order.runner_id is not None, "the database gives every delivered order a runner"
    return {
        "restaurant_id": order.restaurant_id,
        "runner_id": order.runner_id,
        "customer_id": order.customer_id,
        **_money(order),
    }


def stop_completing(*, order_id: UUID) -> None:
    """Undo `begin_completing`: COMPLETING → DELIVERED; any other order stays as it is."""
    move_back(order_id, OrderStatus.COMPLETING, OrderStatus.DELIVERED, "order.completion_stopped")


def mark_completed(*, order_id: UUID, paid: bool) -> None:
    """COMPLETING → COMPLETED, or COMPLETED_UNPAID when the card refused the capture.

    Records `order.completed` or `order.completed_unpaid`; a second time changes nothing. Raises
    OrderMoved, UnknownOrder.
    """
    target = OrderStatus.COMPLETED if paid else OrderStatus.COMPLETED_UNPAID
    arrive(order_id, OrderStatus.COMPLETING, target)


@transaction.atomic(savepoint=False)
def begin_cancelling(*, order_id: UUID, by: Who, reason: str) -> Cancelling:
    """To CANCELLING from where the table of `cancelling` lets `by`; record
    `order.cancellation_begun`, after `order.timed_out` when that is why. Raises MayNotCancel,
    OrderMoved, UnknownOrder.
    """
    order = Order.objects.select_for_update().filter(id=order_id).first()
    if order is None or order.status not in CANCELLABLE:
        raise _moved(order_id, OrderStatus.CANCELLING)
    before = order.status
    refuse_unless_allowed(OrderStatus(before), by)
    if by == "timeout":
        record(type="order.timed_out", order_id=order_id, data={**told(order, before)})
    moved = move(
        order_id,
        OrderStatus.CANCELLING,
        "order.cancellation_begun",
        among=(OrderStatus(before),),
        changes={"cancel_reason": cut(reason)},
        data={"by": by},
    )
    assert moved is not None, "the row is locked since its status was read"
    return {
        "status_before": before,
        "runner_id_before": moved.runner_id,
        "restaurant_id": moved.restaurant_id,
        "customer_id": moved.customer_id,
        **_money(moved),
    }


@transaction.atomic(savepoint=False)
def note_overdue(*, order_id: UUID, reason: str) -> OrderStatus:
    """Where an open order stands whose time is up; it stays there until the transaction ends.

    Records `order.overdue`. Raises UnknownOrder, and OrderMoved for one that is ending or over.
    """
    order = Order.objects.select_for_update().filter(id=order_id, status__in=CANCELLABLE).first()
    if order is None:
        raise _moved(order_id, OrderStatus.CANCELLING)
    record(
        type="order.overdue",
        order_id=order_id,
        data={**told(order, order.status), "reason": reason},
    )
    return OrderStatus(order.status)


def still_open(order_ids: Iterable[UUID]) -> list[UUID]:
    """Those of the orders that wait for something, in their order: neither ending nor over."""
    wanted = list(order_ids)
    open_ = Order.objects.filter(id__in=wanted, status__in=CANCELLABLE)
    ids = set(open_.values_list("id", flat=True)) if wanted else set()
    return [one for one in wanted if one in ids]


def not_over(order_ids: Iterable[UUID]) -> list[UUID]:
    """Those of the orders that exist and to which something may still happen."""
    over = (OrderStatus.COMPLETED, OrderStatus.CANCELLED)
    left = Order.objects.filter(id__in=list(order_ids)).exclude(status__in=over)
    return list(left.values_list("id", flat=True))


def stop_cancelling(*, order_id: UUID, status_before: str) -> None:
    """Undo `begin_cancelling`: CANCELLING → where it stood; any other order stays as it is."""
    move_back(
        order_id,
        OrderStatus.CANCELLING,
        OrderStatus(status_before),
        "order.cancellation_stopped",
        changes={"cancel_reason": ""},
    )


def mark_cancelled(*, order_id: UUID) -> None:
    """CANCELLING → CANCELLED; record `order.cancelled` with the reason it began with.

    A second time changes nothing. Raises OrderMoved, UnknownOrder.
    """
    arrive(order_id, OrderStatus.CANCELLING, OrderStatus.CANCELLED)


def arrive(order_id: UUID, source: OrderStatus, target: OrderStatus) -> None:
    """`source` → `target`, told as that; nothing when it stands there. Raises OrderMoved,
    UnknownOrder."""
    if move(order_id, target, f"order.{target.value.lower()}", among=(source,)) is not None:
        return
    if status_of(order_id) != target:
        raise _moved(order_id, target)


def _moved(order_id: UUID, target: OrderStatus) -> errors.UnknownOrder | errors.OrderMoved:
    status = status_of(order_id)
    if status is None:
        return errors.UnknownOrder("There is no such order.", field="order_id")
    return errors.OrderMoved(f"The order is {status}; it cannot become {target}.")


def _money(moved: Order | Moved) -> Priced:
    return {
        "food_fee": moved.food_fee,
        "delivery_fee": moved.delivery_fee,
        "platform_fee": moved.platform_fee,
        "total": moved.total,
        "currency": moved.currency,
    }
