"""Operators keep the menus, and delete none."""

from django.test import Client

from orders.models import MenuItem
from tests.admin import listed, page_of, read
from tests.factories import a_menu_item, a_restaurant


def test_a_restaurant_and_its_menu_are_edited_but_never_deleted(ops: Client) -> None:
    dish = a_menu_item(a_restaurant(name="Old"))
    kitchen = dish.restaurant
    reply = ops.post(page_of(kitchen), {
        "name": "New", "owner": kitchen.owner_id, "is_open": "on",
        "menu-TOTAL_FORMS": 1, "menu-INITIAL_FORMS": 1,
        "menu-0-id": dish.pk, "menu-0-restaurant": kitchen.pk, "menu-0-name": "Udon",
        "menu-0-price": 990,
    })  # fmt: skip
    assert reply.status_code == 302, reply.context["errors"]
    kitchen.refresh_from_db()
    dish.refresh_from_db()
    assert (kitchen.name, kitchen.currency, dish.name, dish.price) == ("New", "USD", "Udon", 990)
    assert dish.is_available is False
    assert ops.post(page_of(kitchen, "delete"), {"post": "yes"}).status_code == 403
    assert ops.post(page_of(dish, "delete"), {"post": "yes"}).status_code == 403
    assert "9.90 USD" in read(ops, listed(MenuItem, q="Udon"))
