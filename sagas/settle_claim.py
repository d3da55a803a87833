"""Settle claim: an order was delivered and its card refused; who pays for it after all.

Begun by the completion itself, once, and then by operators as often as they like. First whatever
the card still holds is given back: what the bank won't let us take must not stay frozen. Then the
saved card is charged anew, or the platform bears it. Declined, the customer owes it as before.
"""

from typing import TypedDict
from uuid import UUID

from sagas.engine import Saga, step
from sagas.participants import claims, escrow, orders, payments, payouts


class ClaimToSettle(TypedDict):
    """Of which order, by whom (`card` or `platform`), and why."""

    order_id: UUID
    paid_by: str
    reason: str


settle_claim = Saga(
    "settle_claim",
    step(orders.claim_of),
    step(payments.release),
    step(payments.collect, pivot=True),
    step(escrow.settle_claim, emits="escrow.claim_settled"),
    step(orders.mark_paid, emits="order.completed"),
    step(payouts.start_owed),
    step(claims.close),
    given=ClaimToSettle,
    promise=escrow.claim_settled,
    stake="total",
)
