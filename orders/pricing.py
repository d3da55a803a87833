"""What an order costs: the menu's prices, our delivery fee, and the platform's share."""

from collections.abc import Iterable
from typing import TypedDict

from django.conf import settings

from campusg.money import share


class Price(TypedDict):
    """Minor units; the total is the sum of the three by construction."""

    food_fee: int
    delivery_fee: int
    platform_fee: int
    total: int


class Priced(Price):
    """The same with its ISO 4217 currency."""

    currency: str


def price(lines: Iterable[tuple[int, int]]) -> Price:
    """The price of (unit price, quantity) lines; the platform's share is of what others get."""
    food = sum(unit_price * quantity for unit_price, quantity in lines)
    delivery = settings.DELIVERY_FEE_MINOR
    platform = settings.PLATFORM_FEE_FIXED_MINOR + share(
        food + delivery, settings.PLATFORM_FEE_BASIS_POINTS
    )
    return {
        "food_fee": food,
        "delivery_fee": delivery,
        "platform_fee": platform,
        "total": food + delivery + platform,
    }
