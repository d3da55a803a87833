"""Escrow as steps: set an order's money aside in the books, and put it back."""

from uuid import UUID

from escrow import errors, services
from escrow.services import Held
from sagas.engine import participant


@participant(refuses=(errors.RestaurantFrozen, errors.EscrowCapReached, errors.AlreadyHeld))
def hold(
    *,
    order_id: UUID,
    customer_id: UUID,
    restaurant_id: UUID,
    payment_operation_id: UUID,
    food_fee: int,
    delivery_fee: int,
    platform_fee: int,
    currency: str,
) -> Held:
    """Set food, delivery and platform fee aside, pending."""
    return services.hold(
        order_id=order_id,
        customer_id=customer_id,
        restaurant_id=restaurant_id,
        payment_operation_id=payment_operation_id,
        food_fee=food_fee,
        delivery_fee=delivery_fee,
        platform_fee=platform_fee,
        currency=currency,
    )


@participant()
def cancel(*, order_id: UUID) -> None:
    """Put back whatever is set aside for the order."""
    services.cancel(order_id=order_id)


def settled(*, order_id: UUID, total: int, completed: bool) -> int:
    """Completed: the order's total stands in escrow. Compensated: nothing of it does."""
    return services.unsettled(order_id=order_id, total=total, completed=completed)
