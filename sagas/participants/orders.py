"""Orders as steps: place one, deliver it, complete or cancel it."""

from uuid import UUID

from orders import errors, services
from orders.services import (
    Assigned,
    Cancelling,
    Completing,
    Due,
    OrderLine,
    OrderMoney,
    PlacedOrder,
    Who,
)
from orders.states import OrderStatus
from sagas.approvals import Approved, SecondPersonNeeded, approved
from sagas.engine import participant
from sagas.engine.starting import enqueue_many
from sagas.models import ACTIVE, Run
from users.errors import CannotBePaid
from users.services import payee_of


@participant(
    refuses=(
        errors.EmptyOrder,
        errors.TooManyItems,
        errors.UnknownRestaurant,
        errors.UnknownMenuItem,
        errors.RestaurantClosed,
        errors.ItemUnavailable,
        errors.TooManyOpenOrders,
        errors.DifferentOrder,
        errors.OrderMoved,
        errors.RestaurantUnpaid,
    )
)
def create(
    *,
    order_id: UUID,
    customer_id: UUID,
    restaurant_id: UUID,
    items: list[OrderLine],
    delivery_location: str,
) -> PlacedOrder:
    """Place the order as PENDING, at the menu's prices, with a restaurant that can be paid."""
    placed = services.create(
        order_id=order_id,
        customer_id=customer_id,
        restaurant_id=restaurant_id,
        items=items,
        delivery_location=delivery_location,
    )
    try:
        payee_of(user_id=services.owner_of(restaurant_id=restaurant_id))
    except CannotBePaid as error:
        raise errors.RestaurantUnpaid(
            "This restaurant can't be paid just now and takes no orders; choose another.",
            field="restaurant_id",
        ) from error
    return placed


@participant()
def cancel(*, order_id: UUID) -> None:
    """Call off an order that never got its money."""
    services.cancel(order_id=order_id, reason="The order could not be completed.")


@participant(refuses=errors.OrderMoved)
def mark_created(*, order_id: UUID) -> None:
    """Open the order to runners."""
    services.mark_created(order_id=order_id)


@participant(refuses=(errors.OrderTaken, errors.OwnOrder, errors.OrderMoved, errors.UnknownOrder))
def assign(*, order_id: UUID, runner_id: UUID) -> Assigned:
    """Give the order to the first runner who asks."""
    return services.assign(order_id=order_id, runner_id=runner_id)


@participant()
def unassign(*, order_id: UUID, runner_id: UUID) -> None:
    """Take the order from exactly this runner, if it is theirs and not yet placed."""
    services.unassign(order_id=order_id, runner_id=runner_id)


@participant(refuses=(errors.OrderMoved, errors.UnknownOrder))
def release_runner(*, order_id: UUID, runner_id: UUID) -> None:
    """Open the order again: its runner backs out."""
    services.release_runner(order_id=order_id, runner_id=runner_id)


@participant(refuses=(errors.OrderMoved, errors.UnknownOrder))
def begin_completing(*, order_id: UUID) -> Completing:
    """Lock the delivered order for its completion."""
    return services.begin_completing(order_id=order_id)


@participant()
def stop_completing(*, order_id: UUID) -> None:
    """Put the order back to DELIVERED."""
    services.stop_completing(order_id=order_id)


@participant()
def mark_completed(*, order_id: UUID, captured: int) -> None:
    """End the order: COMPLETED, or COMPLETED_UNPAID when nothing could be captured."""
    services.mark_completed(order_id=order_id, paid=captured > 0)


@participant(refuses=(errors.OrderMoved, errors.UnknownOrder, errors.UnknownPayer))
def claim_of(*, order_id: UUID, paid_by: str) -> Completing:
    """See to it that the customer still owes us the order, and whose money it is."""
    return services.claim_of(order_id=order_id, paid_by=paid_by)


@participant()
def mark_paid(*, order_id: UUID) -> None:
    """End the order: COMPLETED, though late."""
    services.mark_paid(order_id=order_id)


@participant(refuses=(errors.MayNotCancel, errors.OrderMoved, errors.UnknownOrder))
def begin_cancelling(*, order_id: UUID, by: Who, reason: str) -> Cancelling:
    """Lock the order for its cancellation, if whoever asks may cancel it now."""
    return services.begin_cancelling(order_id=order_id, by=by, reason=reason)


@participant(refuses=errors.MayNotCancel)
def decide_due(
    *, status_before: str, by: Who, food_fee: int, delivery_fee: int, platform_fee: int
) -> Due:
    """Decide, by the table, what the customer pays all the same."""
    return services.due_when_cancelled(
        status_before,
        by,
        {"food_fee": food_fee, "delivery_fee": delivery_fee, "platform_fee": platform_fee},
    )


@participant(refuses=(errors.OrderMoved, errors.UnknownOrder))
def end_overdue(*, order_id: UUID, reason: str) -> None:
    """Complete an order that was delivered, call any other off: a run of its own does it."""
    saga, facts = "cancel_order", {"order_id": order_id, "by": "expiry", "reason": reason}
    if services.note_overdue(order_id=order_id, reason=reason) == OrderStatus.DELIVERED:
        saga, facts = "complete_order", {"order_id": order_id}
    enqueue_many(saga, [(str(order_id), facts)])


@participant()
def stop_cancelling(*, order_id: UUID, status_before: str) -> None:
    """Put the order back to where it stood."""
    services.stop_cancelling(order_id=order_id, status_before=status_before)


@participant()
def mark_cancelled(*, order_id: UUID) -> None:
    """End the order: CANCELLED."""
    services.mark_cancelled(order_id=order_id)


class MoneyByHand(OrderMoney, Approved):
    """The order's money, and who has agreed that it is moved by hand."""


@participant(refuses=(errors.UnknownOrder, errors.OrderMoved, errors.OrderBusy, SecondPersonNeeded))
def money_by_hand(*, order_id: UUID, move: str, by_user_id: UUID) -> MoneyByHand:
    """See to it that this user may move the order's money by hand: no run is at work on it, and
    above a limit somebody else has agreed."""
    money = services.money_by_hand(order_id=order_id, move=move)
    # Every saga's first step moves the order, whose row is ours now: none can begin meanwhile.
    if Run.objects.filter(key=str(order_id), status__in=ACTIVE).exclude(saga=move).exists():
        raise errors.OrderBusy("A saga is at work on this order.")
    agreed = approved(
        move=move, order_id=order_id, amount=money["total"], currency=money["currency"],
        by_user_id=by_user_id,
    )  # fmt: skip
    return {**money, **agreed}


class RefundAgreed(Approved):
    """What the order came to, in minor units, and who has agreed that it is given back."""

    total: int


@participant(refuses=(errors.UnknownOrder, errors.OrderMoved, SecondPersonNeeded))
def agree_refund(*, order_id: UUID, by_user_id: UUID) -> RefundAgreed:
    """See to it that this user may give the order's money back: above a limit somebody else has
    agreed."""
    move = "refund_order"
    money = services.money_by_hand(order_id=order_id, move=move)
    agreed = approved(
        move=move, order_id=order_id, amount=money["total"], currency=money["currency"],
        by_user_id=by_user_id,
    )  # fmt: skip
    return {"total": money["total"], **agreed}
