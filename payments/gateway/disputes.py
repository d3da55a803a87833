"""What banks and card holders do to a charge afterwards, read by id; none of it asks for anything.

https://docs.stripe.com/disputes/how-disputes-work
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import stripe

from payments.errors import StripeUnavailable
from payments.gateway.answers import client, refuse_in_transaction

T = TypeVar("T")


@dataclass(frozen=True)
class DisputeSeen:
    """A dispute as Stripe has it now; amounts in minor units. `withdrawn` is what the bank took,
    `reinstated` what came back of it, `fee` what Stripe kept."""

    id: str
    payment_intent: str
    status: str
    amount: int
    currency: str
    reason: str
    refundable: bool
    evidence_due_by: datetime | None
    withdrawn: int
    reinstated: int
    fee: int


@dataclass(frozen=True)
class RefundSeen:
    """A refund as Stripe has it now."""

    id: str
    status: str
    failure_reason: str


def read_dispute(name: str) -> DisputeSeen:
    """Raises StripeUnavailable. https://docs.stripe.com/api/disputes/retrieve"""
    found = _read(name, lambda: client().v1.disputes.retrieve(name))
    moved = [one.amount for one in found.balance_transactions]
    due_by = found.evidence_details.due_by
    return DisputeSeen(
        id=found.id,
        payment_intent=str(found.payment_intent or ""),
        status=found.status,
        amount=found.amount,
        currency=found.currency.upper(),
        reason=found.reason,
        refundable=found.is_charge_refundable,
        evidence_due_by=datetime.fromtimestamp(due_by, UTC) if due_by else None,
        withdrawn=-sum(amount for amount in moved if amount < 0),
        reinstated=sum(amount for amount in moved if amount > 0),
        fee=sum(one.fee for one in found.balance_transactions),
    )


def read_refund(name: str) -> RefundSeen:
    """Raises StripeUnavailable. https://docs.stripe.com/api/refunds/retrieve"""
    found = _read(name, lambda: client().v1.refunds.retrieve(name))
    # Stripe leaves the reason out of those that have not failed.
    return RefundSeen(
        found.id, found.status or "pending", getattr(found, "failure_reason", None) or ""
    )


def is_suspected(warning: str) -> bool:
    """Whether an early fraud warning still calls for anything: the charge is neither disputed nor
    refunded. Raises StripeUnavailable.

    https://docs.stripe.com/api/radar/early_fraud_warnings/object
    """
    return _read(
        warning, lambda: client().v1.radar.early_fraud_warnings.retrieve(warning)
    ).actionable


def _read(name: str, retrieve: Callable[[], T]) -> T:
    refuse_in_transaction()
    try:
        return retrieve()
    except stripe.StripeError as error:
        raise StripeUnavailable(f"{name} could not be read: {error}") from error
