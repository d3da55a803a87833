"""What stories need: customers whose cards the Stripe sandbox knows, kitchens, orders to post."""

from typing import Any
from uuid import UUID

import requests
from django.conf import settings

from orders.models import Restaurant
from payments.gateway import client
from tests.factories import a_menu_item, a_person, a_restaurant
from users.models import PayoutAccount, Role, Transfers, User
from users.services import save_card, save_payout_account


def make_customer(card: str = "pm_card_visa") -> User:
    """A customer with one of Stripe's test cards attached, such as `pm_card_chargeCustomerFail`."""
    return give_card(a_person(Role.CUSTOMER), card)


def give_card(customer: User, card: str) -> User:
    """The customer, with this card saved in the place of any other."""
    stripe_customer = client().v1.customers.create({"email": customer.email})
    attached = client().v1.payment_methods.attach(card, {"customer": stripe_customer.id})
    assert attached.card is not None
    save_card(
        user_id=customer.id,
        stripe_customer_id=stripe_customer.id,
        payment_method_id=attached.id,
        brand=attached.card.brand,
        last4=attached.card.last4 or "",
        exp_month=attached.card.exp_month,
        exp_year=attached.card.exp_year,
    )
    return customer


def make_restaurant(**other: object) -> Restaurant:
    """A kitchen in USD that sells ramen at 12.50 and tea at 0.99."""
    restaurant = a_restaurant(**other)
    a_menu_item(restaurant)
    a_menu_item(restaurant, price=99, name="Tea")
    return restaurant


def order_body(restaurant: Restaurant, quantity: int = 1) -> dict[str, Any]:
    """What a client posts to order `quantity` of the restaurant's first dish."""
    dish = restaurant.menu.order_by("id")[0]
    return {
        "restaurant_id": str(restaurant.id),
        "items": [{"menu_item_id": str(dish.id), "quantity": quantity}],
        "delivery_location": "Dorm 4, room 12",
    }


def requested(order_id: UUID, customer: User, restaurant: Restaurant) -> dict[str, Any]:
    """The facts that `create_order` is given."""
    body = order_body(restaurant)
    return body | {
        "order_id": order_id,
        "customer_id": customer.id,
        "restaurant_id": restaurant.id,
    }


def holds_of(order_id: UUID) -> list[dict[str, Any]]:
    """The PaymentIntents that the sandbox has seen for an order, oldest first."""
    reply = requests.get(f"{settings.STRIPE_API_BASE}/_sandbox/holds", timeout=10)
    holds: list[dict[str, Any]] = reply.json()["data"]
    return [hold for hold in holds if hold["order_id"] == str(order_id)]


def make_payee(user: User) -> User:
    """The user, with a connected account that may receive transfers."""
    account = client().v1.accounts.create(
        {"type": "express", "email": user.email, "capabilities": {"transfers": {"requested": True}}}
    )
    save_payout_account(user_id=user.id, stripe_account_id=account.id, transfers=Transfers.ACTIVE)
    return user


def make_runner() -> User:
    """Somebody who delivers and can be paid for it."""
    return make_payee(a_person(Role.RUNNER))


def at_stripe(order_id: UUID) -> dict[str, Any]:
    """What the sandbox says the order's money has done, in minor units."""
    reply = requests.get(f"{settings.STRIPE_API_BASE}/_sandbox/orders", timeout=10)
    orders: list[dict[str, Any]] = reply.json()["data"]
    return next(order for order in orders if order["order_id"] == str(order_id))


def change_account(user: User, **changes: Any) -> None:
    """Stripe changes what the user's account may do, such as `transfers="inactive"`."""
    account = PayoutAccount.objects.get(user=user).stripe_account_id
    url = f"{settings.STRIPE_API_BASE}/_sandbox/accounts/{account}"
    requests.post(url, json=changes, timeout=10).raise_for_status()
