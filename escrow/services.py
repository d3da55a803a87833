"""The front door of escrow: hold an order's money, pass it on, pay it out, give it back."""

from escrow.balances import (
    balance,
    balance_of_order,
    settled_after_completion,
    unsettled,
)
from escrow.claims import claim, claimed, settle_claim, subsidised
from escrow.disputing import dispute, unpaid, withhold
from escrow.holding import Held, cancel, freeze, held_too_long, hold, unfreeze
from escrow.paying import pay_out, reverse_payout
from escrow.refunding import PaidFor, paid_for, refund, refund_done, refund_failed
from escrow.repaying import is_promised, owed_to_customer, refund_came_back, repaid
from escrow.setting_off import set_off
from escrow.settling import Released, capture, release

__all__ = [
    "Held",
    "PaidFor",
    "Released",
    "balance",
    "balance_of_order",
    "cancel",
    "capture",
    "claim",
    "claimed",
    "dispute",
    "freeze",
    "held_too_long",
    "hold",
    "is_promised",
    "owed_to_customer",
    "paid_for",
    "pay_out",
    "refund",
    "refund_came_back",
    "refund_done",
    "refund_failed",
    "release",
    "repaid",
    "reverse_payout",
    "set_off",
    "settle_claim",
    "settled_after_completion",
    "subsidised",
    "unfreeze",
    "unpaid",
    "unsettled",
    "withhold",
]
