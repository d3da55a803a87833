"""Operators keep the menus, delete none, and settle what customers owe."""

from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from campusg.money import formatted
from orders.models import MenuItem
from orders.states import OrderStatus
from sagas.models import Action, Run
from tests.admin import listed, page_of, read, signed_in
from tests.api.world import a_runner, delivered
from tests.factories import a_customer, a_menu_item, a_restaurant
from tests.sagas.orders_at_rest import a_created_order, an_unpaid_order


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


def test_what_a_customer_owes_is_settled_from_the_order_s_page(ops: Client) -> None:
    order = an_unpaid_order()
    page = reverse("admin:orders_order_settle", args=[order.pk])
    assert page in read(ops, page_of(order))
    assert formatted(order.total, order.currency) in read(ops, page)
    assert "This field is required." in ops.post(page, {"paid_by": "card"}).content.decode()
    assert ops.post(page, {"paid_by": "platform", "reason": "we lost it"}).status_code == 302
    run = Run.objects.get(saga="settle_claim", key=str(order.pk))
    assert (run.facts["paid_by"], run.facts["reason"]) == ("platform", "we lost it")


def test_settling_needs_its_permission_and_something_owed(ops: Client) -> None:
    page = reverse("admin:orders_order_settle", args=[a_created_order().pk])
    refused = ops.post(page, {"paid_by": "card", "reason": "because"})
    assert "nothing is owed for it" in refused.content.decode()
    Group.objects.create(name="onlookers")
    assert signed_in(group="onlookers").get(page).status_code == 403


def test_money_by_hand_is_approved_on_the_order_s_page(ops: Client) -> None:
    order = delivered(a_customer(), a_runner(), OrderStatus.DELIVERED)
    page = reverse("admin:orders_order_approve", args=[order.pk])
    assert page in read(ops, page_of(order))
    wanted = {"move": "capture_payment", "reason": "the kitchen rang us"}
    assert ops.post(page, wanted).status_code == 302
    row = Action.objects.get(name="approve", before__order_id=str(order.pk))
    assert (row.before["amount"], row.reason) == (order.total, wanted["reason"])
    refused = ops.post(page, wanted | {"move": "hold_escrow"})
    assert "hold_escrow is for" in refused.content.decode()
    Group.objects.create(name="onlookers")
    assert signed_in(group="onlookers").get(page).status_code == 403
