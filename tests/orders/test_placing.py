"""Placing an order: the server's prices, once, and only what can be had."""

import pytest
from django.db import transaction

from campusg.ids import new_id
from events.models import OutboxEvent
from orders import errors
from orders.models import Order, OrderItem, Restaurant
from orders.services import LINES_MAX, Dish, create, mark_created, open_restaurant
from tests.factories import a_customer, a_menu_item, a_restaurant, an_order, place
from tests.threads import at_once, raised


def events_of(order_id):
    of_order = OutboxEvent.objects.filter(aggregateid=order_id, type__startswith="order.")
    return list(of_order.order_by("aggversion").values_list("type", flat=True))


def lines(*dishes, quantity=1):
    return [{"menu_item_id": str(dish.id), "quantity": quantity} for dish in dishes]


@pytest.fixture
def kitchen():
    return a_restaurant()


@pytest.fixture
def order(kitchen):
    """What `create` needs, to be overridden."""
    return {
        "order_id": new_id(),
        "customer_id": a_customer().id,
        "restaurant_id": kitchen.id,
        "items": lines(a_menu_item(kitchen)),
        "delivery_location": "Dorm 4, room 12",
    }


@pytest.mark.django_db
def test_an_order_is_placed_at_the_menus_prices(kitchen, order, django_assert_max_num_queries):
    ramen, tea = a_menu_item(kitchen, 1250), a_menu_item(kitchen, 99, name="Tea")
    order["items"] = lines(ramen) + lines(tea, quantity=3) + lines(ramen)
    with django_assert_max_num_queries(5):
        placed = create(**order)
    # 5 % of 27.97 + 3.99 is 1.598, rounded up, and 0.40.
    assert placed == {
        "currency": "USD",
        "food_fee": 2797,
        "delivery_fee": 399,
        "platform_fee": 200,
        "total": 3396,
    }
    stored = Order.objects.get(id=order["order_id"])
    assert (stored.status, stored.version, stored.total) == ("PENDING", 1, 3396)
    assert set(stored.items.values_list("name", "unit_price", "quantity", "line_total")) == {
        ("Ramen", 1250, 2, 2500),
        ("Tea", 99, 3, 297),
    }
    event = OutboxEvent.objects.get(aggregateid=stored.id)
    assert event.type == "order.pending_payment"
    assert event.payload["total"] == 3396


@pytest.mark.django_db
def test_a_price_that_changes_later_leaves_the_order_as_it_was(kitchen, order):
    placed = create(**order)
    kitchen.menu.update(price=1, is_available=False)
    Restaurant.objects.update(is_open=False)
    assert create(**order) == placed
    assert OrderItem.objects.get(order_id=order["order_id"]).unit_price == 1250


@pytest.mark.django_db
def test_placing_the_same_again_changes_nothing(order):
    assert create(**order) == create(**order)
    assert events_of(order["order_id"]) == ["order.pending_payment"]


@pytest.mark.django_db
def test_an_order_that_has_come_further_is_not_placed_again(order):
    create(**order)
    mark_created(order_id=order["order_id"])
    with pytest.raises(errors.OrderMoved):
        create(**order)


@pytest.mark.django_db
@pytest.mark.parametrize("difference", ["items", "customer_id", "delivery_location"])
def test_an_order_id_stands_for_one_order_only(order, difference):
    create(**order)
    order[difference] = {
        "items": [order["items"][0] | {"quantity": 2}],
        "customer_id": a_customer().id,
        "delivery_location": "Dorm 5",
    }[difference]
    with pytest.raises(errors.DifferentOrder):
        create(**order)


@pytest.mark.django_db
def test_a_restaurant_opens_with_its_owner_and_its_menu():
    owner = a_restaurant().owner
    menu = [Dish("Soup", 700), Dish("Bread", 150)]
    made = open_restaurant(owner_id=owner.id, name="Kettle", currency="EUR", menu=menu)
    made.refresh_from_db()
    assert (made.owner, made.name, made.currency) == (owner, "Kettle", "EUR")
    assert set(made.menu.values_list("name", "price")) == {("Soup", 700), ("Bread", 150)}


@pytest.mark.django_db
def test_what_cannot_be_had_is_refused_by_its_name(kitchen, order):
    sold_out = a_menu_item(kitchen, is_available=False)
    elsewhere = a_menu_item(a_restaurant())
    closed = a_menu_item(a_restaurant(is_open=False))
    many = [a_menu_item(kitchen) for _ in range(LINES_MAX + 1)]
    dish = a_menu_item(kitchen)
    cases = [
        ({"items": []}, errors.EmptyOrder),
        ({"items": lines(dish, quantity=0)}, errors.EmptyOrder),
        ({"items": lines(dish, quantity=-1)}, errors.EmptyOrder),
        ({"items": lines(dish, quantity=21)}, errors.TooManyItems),
        ({"items": lines(*many)}, errors.TooManyItems),
        ({"items": lines(dish, sold_out)}, errors.ItemUnavailable),
        ({"items": lines(dish, elsewhere)}, errors.UnknownMenuItem),
        ({"restaurant_id": new_id()}, errors.UnknownRestaurant),
        (
            {"restaurant_id": closed.restaurant_id, "items": lines(closed)},
            errors.RestaurantClosed,
        ),
    ]
    create(**order | {"order_id": new_id(), "items": lines(*many[:LINES_MAX], quantity=20)})
    for change, refusal in cases:
        with pytest.raises(refusal):
            refused(**order | change)
    assert not Order.objects.filter(id=order["order_id"]).exists()


def refused(**order):
    """A refusal rolls the caller back; here that is a savepoint, so that the test goes on."""
    with transaction.atomic():
        create(**order)


@pytest.mark.django_db
def test_unpaid_orders_are_counted_and_paid_ones_are_not(settings):
    settings.UNPAID_ORDERS_MAX = 2
    customer, dish = a_customer(), a_menu_item(a_restaurant())
    first, second, third = new_id(), new_id(), new_id()
    place(first, customer, dish)
    place(second, customer, dish)
    mark_created(order_id=first)
    place(third, customer, dish)
    with pytest.raises(errors.TooManyOpenOrders):
        place(new_id(), customer, dish)


@pytest.mark.django_db
def test_another_customers_unpaid_orders_are_none_of_mine(settings):
    settings.UNPAID_ORDERS_MAX = 1
    an_order()
    an_order()


@pytest.mark.race
def test_eight_orders_at_once_leave_three_unpaid(committed_db):
    customer, dish = a_customer(), a_menu_item(a_restaurant())
    results = at_once([lambda: place(new_id(), customer, dish)] * 8)
    assert raised(results, errors.TooManyOpenOrders) == 5
    assert Order.objects.filter(customer=customer).count() == 3


@pytest.mark.race
def test_the_same_order_placed_eight_times_at_once_is_one_order(committed_db):
    customer, dish, order_id = a_customer(), a_menu_item(a_restaurant()), new_id()
    results = at_once([lambda: place(order_id, customer, dish)] * 8)
    assert results == [results[0]] * 8
    assert results[0]["total"] == 1772
    assert events_of(order_id) == ["order.pending_payment"]
