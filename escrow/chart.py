"""The chart of accounts: which there are, the side each grows on, which are never overdrawn."""

from typing import NamedTuple

from django.db import models


class Side(models.TextChoices):
    DEBIT = "D"
    CREDIT = "C"

    @property
    def opposite(self) -> "Side":
        return Side.CREDIT if self is Side.DEBIT else Side.DEBIT


class Layer(models.TextChoices):
    """Pending is what a card has promised; posted is what has been captured."""

    PENDING = "pending"
    POSTED = "posted"


class Code(models.TextChoices):
    CUSTOMER_HOLD = "customer_hold"
    ESCROW_FOOD = "escrow_food"
    ESCROW_DELIVERY = "escrow_delivery"
    ESCROW_PLATFORM = "escrow_platform"
    RESTAURANT_PAYABLE = "restaurant_payable"


class Nature(NamedTuple):
    normal_side: Side
    no_overdraft: bool


NATURES: dict[Code, Nature] = {
    Code.CUSTOMER_HOLD: Nature(Side.DEBIT, no_overdraft=False),
    Code.ESCROW_FOOD: Nature(Side.CREDIT, no_overdraft=True),
    Code.ESCROW_DELIVERY: Nature(Side.CREDIT, no_overdraft=True),
    Code.ESCROW_PLATFORM: Nature(Side.CREDIT, no_overdraft=True),
    Code.RESTAURANT_PAYABLE: Nature(Side.CREDIT, no_overdraft=True),
}

#: The shares of an order that wait in escrow.
ESCROW = (Code.ESCROW_FOOD, Code.ESCROW_DELIVERY, Code.ESCROW_PLATFORM)
