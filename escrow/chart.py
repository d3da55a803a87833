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
    STRIPE_CLEARING = "stripe_clearing"
    STRIPE_FEES = "stripe_fees"
    RESTAURANT_PAYABLE = "restaurant_payable"
    RUNNER_PAYABLE = "runner_payable"
    PLATFORM_REVENUE = "platform_revenue"
    REFUND_IN_FLIGHT = "refund_in_flight"
    PAYEE_RECEIVABLE = "payee_receivable"
    CUSTOMER_CLAIM = "customer_claim"
    SUBSIDY = "subsidy"
    DISPUTE_RECEIVABLE = "dispute_receivable"
    DISPUTE_LOSSES = "dispute_losses"
    CUSTOMER_PAYABLE = "customer_payable"
    PAID_OUTSIDE = "paid_outside"


class Nature(NamedTuple):
    normal_side: Side
    no_overdraft: bool


NATURES: dict[Code, Nature] = {
    Code.CUSTOMER_HOLD: Nature(Side.DEBIT, no_overdraft=False),
    Code.ESCROW_FOOD: Nature(Side.CREDIT, no_overdraft=True),
    Code.ESCROW_DELIVERY: Nature(Side.CREDIT, no_overdraft=True),
    Code.ESCROW_PLATFORM: Nature(Side.CREDIT, no_overdraft=True),
    #: What stands at Stripe for us.
    Code.STRIPE_CLEARING: Nature(Side.DEBIT, no_overdraft=False),
    Code.STRIPE_FEES: Nature(Side.DEBIT, no_overdraft=False),
    #: What we owe for the food, and for the way.
    Code.RESTAURANT_PAYABLE: Nature(Side.CREDIT, no_overdraft=True),
    Code.RUNNER_PAYABLE: Nature(Side.CREDIT, no_overdraft=True),
    Code.PLATFORM_REVENUE: Nature(Side.CREDIT, no_overdraft=False),
    #: Promised back to a customer, not yet gone from Stripe.
    Code.REFUND_IN_FLIGHT: Nature(Side.CREDIT, no_overdraft=True),
    #: What somebody was paid and owes us again.
    Code.PAYEE_RECEIVABLE: Nature(Side.DEBIT, no_overdraft=True),
    #: What a customer owes whose card refused after the delivery.
    Code.CUSTOMER_CLAIM: Nature(Side.DEBIT, no_overdraft=True),
    #: What the platform bears of orders, out of its own.
    Code.SUBSIDY: Nature(Side.DEBIT, no_overdraft=False),
    #: What a card's bank took for a customer, until it has decided whose it is.
    Code.DISPUTE_RECEIVABLE: Nature(Side.DEBIT, no_overdraft=True),
    Code.DISPUTE_LOSSES: Nature(Side.DEBIT, no_overdraft=False),
    #: What a customer is owed since a refund did not reach the card.
    Code.CUSTOMER_PAYABLE: Nature(Side.CREDIT, no_overdraft=True),
    #: What was paid by other ways than Stripe.
    Code.PAID_OUTSIDE: Nature(Side.CREDIT, no_overdraft=False),
}

#: One account for the whole campus; each of the others belongs to one order.
CAMPUS_WIDE = (
    Code.STRIPE_CLEARING, Code.STRIPE_FEES, Code.PLATFORM_REVENUE, Code.SUBSIDY,
    Code.DISPUTE_LOSSES, Code.PAID_OUTSIDE,
)  # fmt: skip

#: The shares of an order that wait in escrow, and, in the same order, where each is passed on to.
ESCROW = (Code.ESCROW_FOOD, Code.ESCROW_DELIVERY, Code.ESCROW_PLATFORM)
PASSED_ON = (Code.RESTAURANT_PAYABLE, Code.RUNNER_PAYABLE, Code.PLATFORM_REVENUE)
