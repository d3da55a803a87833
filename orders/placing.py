"""Placing an order, at the menu's prices, and what becomes of it until its money is held."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, TypedDict
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists

from campusg.locks import lock
from events.services import record
from orders import errors
from orders.models import QUANTITY_MAX, MenuItem, Order, OrderItem, Restaurant
from orders.moving import cut, move, status_of, told
from orders.pricing import Priced, price
from orders.states import UNPAID, OrderStatus

LINES_MAX = 50


class OrderLine(TypedDict):
    """So many of one menu item; the same item twice adds up."""

    menu_item_id: str
    quantity: int


class PlacedOrder(Priced):
    """What an order costs and in which currency; its fees add up to its total."""


class Dish(NamedTuple):
    """Something to put on a menu, its price in minor units of the restaurant's currency."""

    name: str
    price: int


class Parties(NamedTuple):
    """The accounts of an order's customer, of its restaurant's owner, and of its runner if any."""

    customer_id: UUID
    owner_id: UUID
    runner_id: UUID | None


@transaction.atomic(savepoint=False)
def open_restaurant(
    *, owner_id: UUID, name: str, currency: str, menu: Iterable[Dish]
) -> Restaurant:
    """Open a restaurant with its menu."""
    restaurant = Restaurant.objects.create(owner_id=owner_id, name=name, currency=currency)
    MenuItem.objects.bulk_create(
        MenuItem(restaurant=restaurant, name=dish.name, price=dish.price) for dish in menu
    )
    return restaurant


def owner_of(*, restaurant_id: UUID) -> UUID:
    """Who is paid for this restaurant's food; raises UnknownRestaurant."""
    owner = Restaurant.objects.filter(id=restaurant_id).values_list("owner_id", flat=True).first()
    if owner is None:
        raise errors.UnknownRestaurant("There is no such restaurant.", field="restaurant_id")
    return owner


def parties_of(*, order_ids: Collection[UUID]) -> dict[UUID, Parties]:
    """Whom each order is about as it stands now; those that are not here are left out."""
    rows = Order.objects.filter(id__in=order_ids).values_list(
        "id", "customer_id", "restaurant__owner_id", "runner_id"
    )
    return {order_id: Parties(*people) for order_id, *people in rows}


def waiting_for_a_runner() -> list[UUID]:
    """The orders that are open, oldest first."""
    waiting = Order.objects.filter(status=OrderStatus.CREATED).order_by("created_at")
    return list(waiting.values_list("id", flat=True))


@transaction.atomic(savepoint=False)
def create(
    *,
    order_id: UUID,
    customer_id: UUID,
    restaurant_id: UUID,
    items: Sequence[OrderLine],
    delivery_location: str,
) -> PlacedOrder:
    """Place an order as PENDING, at the menu's prices; record `order.pending_payment`.

    Placing the same order again, until its money is held, changes nothing and returns the same.
    Raises EmptyOrder, TooManyItems, UnknownRestaurant, UnknownMenuItem, RestaurantClosed,
    ItemUnavailable, TooManyOpenOrders, DifferentOrder if the id is taken by an order with other
    content, and OrderMoved if by one that has come further.
    """
    wanted = _quantities(items)
    # Two orders counted at once would both find room for one more.
    lock(f"unpaid orders of {customer_id}")
    menu = _menu(order_id, customer_id, restaurant_id, wanted)
    if menu.order_exists:
        return _placed_before(order_id, customer_id, restaurant_id, wanted, delivery_location)
    _refuse_what_cannot_be_had(menu)
    order = Order.objects.create(
        id=order_id,
        customer_id=customer_id,
        restaurant_id=restaurant_id,
        delivery_location=delivery_location,
        currency=menu.restaurant.currency,
        **price((item.price, wanted[item.id]) for item in menu.items),
    )
    OrderItem.objects.bulk_create(
        OrderItem(
            order=order,
            menu_item=item,
            name=item.name,
            unit_price=item.price,
            quantity=wanted[item.id],
            line_total=item.price * wanted[item.id],
        )
        for item in menu.items
    )
    placed = _facts(order)
    record(
        type="order.pending_payment",
        order_id=order_id,
        data={**told(order, OrderStatus.PENDING), **placed},
    )
    return placed


def await_payment(*, order_id: UUID) -> None:
    """PENDING → AWAITING_PAYMENT, while the customer confirms the card. Raises OrderMoved."""
    _move_unpaid(order_id, OrderStatus.AWAITING_PAYMENT, "order.awaiting_payment")


def mark_created(*, order_id: UUID) -> None:
    """PENDING or AWAITING_PAYMENT → CREATED: runners may see it now. Raises OrderMoved."""
    _move_unpaid(order_id, OrderStatus.CREATED, "order.created")


def cancel(*, order_id: UUID, reason: str) -> None:
    """PENDING or AWAITING_PAYMENT → CANCELLED. Raises OrderMoved.

    An order that was never placed needs no cancelling: that is no error.
    """
    _move_unpaid(
        order_id,
        OrderStatus.CANCELLED,
        "order.cancelled",
        changes={"cancel_reason": cut(reason)},
        may_be_absent=True,
    )


class _Menu(NamedTuple):
    """The wanted items, their restaurant, and what else decides whether they can be ordered."""

    restaurant: Restaurant
    items: list[MenuItem]
    order_exists: bool
    too_many_unpaid: bool


def _quantities(items: Sequence[OrderLine]) -> dict[UUID, int]:
    wanted: dict[UUID, int] = {}
    for line in items:
        if line["quantity"] < 1:
            raise errors.EmptyOrder("Order at least one of each item.", field="items")
        item_id = UUID(line["menu_item_id"])
        wanted[item_id] = wanted.get(item_id, 0) + line["quantity"]
    if not wanted:
        raise errors.EmptyOrder("Choose something from the menu.", field="items")
    if len(wanted) > LINES_MAX or max(wanted.values()) > QUANTITY_MAX:
        raise errors.TooManyItems(
            f"One order carries {LINES_MAX} different items, {QUANTITY_MAX} of each.", field="items"
        )
    return wanted


def _menu(order_id: UUID, customer_id: UUID, restaurant_id: UUID, wanted: dict[UUID, int]) -> _Menu:
    unpaid = Order.objects.filter(customer_id=customer_id, status__in=UNPAID)
    rows = list(
        MenuItem.objects.select_related("restaurant")
        .filter(restaurant_id=restaurant_id, id__in=wanted)
        # Both are asked once, not once a row: they don't depend on it.
        .annotate(
            order_exists=Exists(Order.objects.filter(id=order_id)),
            too_many_unpaid=Exists(unpaid[settings.UNPAID_ORDERS_MAX - 1 :]),
        )
    )
    if len(rows) < len(wanted):
        if not Restaurant.objects.filter(id=restaurant_id).exists():
            raise errors.UnknownRestaurant("There is no such restaurant.", field="restaurant_id")
        raise errors.UnknownMenuItem("Not on this restaurant's menu.", field="items")
    first = rows[0]
    return _Menu(first.restaurant, [*rows], first.order_exists, first.too_many_unpaid)


def _refuse_what_cannot_be_had(menu: _Menu) -> None:
    if not menu.restaurant.is_open:
        raise errors.RestaurantClosed(f"{menu.restaurant.name} is closed.", field="restaurant_id")
    for item in menu.items:
        if not item.is_available:
            raise errors.ItemUnavailable(f"{item.name} is sold out.", field="items")
    if menu.too_many_unpaid:
        raise errors.TooManyOpenOrders(
            f"Pay for or cancel one of your {settings.UNPAID_ORDERS_MAX} unpaid orders first."
        )


def _placed_before(
    order_id: UUID,
    customer_id: UUID,
    restaurant_id: UUID,
    wanted: dict[UUID, int],
    delivery_location: str,
) -> PlacedOrder:
    order = Order.objects.get(id=order_id)
    lines = dict(OrderItem.objects.filter(order=order).values_list("menu_item_id", "quantity"))
    before = (order.customer_id, order.restaurant_id, order.delivery_location, lines)
    if before != (customer_id, restaurant_id, delivery_location, wanted):
        raise errors.DifferentOrder(f"Order {order_id} exists and differs.", field="order_id")
    if order.status not in UNPAID:
        # Whoever began anew would end by undoing what the order has come to since.
        raise errors.OrderMoved(f"Order {order_id} was placed before: it is {order.status}.")
    return _facts(order)


def _facts(order: Order) -> PlacedOrder:
    return {
        "currency": order.currency,
        "food_fee": order.food_fee,
        "delivery_fee": order.delivery_fee,
        "platform_fee": order.platform_fee,
        "total": order.total,
    }


def _move_unpaid(
    order_id: UUID,
    target: OrderStatus,
    event: str,
    *,
    changes: dict[str, str] | None = None,
    may_be_absent: bool = False,
) -> None:
    if move(order_id, target, event, among=UNPAID, changes=changes) is not None:
        return
    status = status_of(order_id)
    if status != target and not (status is None and may_be_absent):
        raise errors.OrderMoved(f"The order is {status or 'absent'}; it cannot become {target}.")
