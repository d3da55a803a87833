"""Orders as steps: place one, open it to runners, call it off."""

from uuid import UUID

from orders import errors, services
from orders.services import OrderLine, PlacedOrder
from sagas.engine import participant


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
    """Place the order as PENDING, at the menu's prices."""
    return services.create(
        order_id=order_id,
        customer_id=customer_id,
        restaurant_id=restaurant_id,
        items=items,
        delivery_location=delivery_location,
    )


@participant()
def cancel(*, order_id: UUID) -> None:
    """Call off an order that never got its money."""
    services.cancel(order_id=order_id, reason="The order could not be completed.")


@participant(refuses=errors.OrderMoved)
def mark_created(*, order_id: UUID) -> None:
    """Open the order to runners."""
    services.mark_created(order_id=order_id)
