"""Repay customer: a refund did not reach the card, so a person pays its customer another way.

Begun when Stripe says that a refund failed, even weeks after it had succeeded. The money is owed in
the books at once, and the run waits, parked, until somebody says who was paid, and how.
"""

from typing import TypedDict
from uuid import UUID

from sagas.engine import Saga, step
from sagas.manual import MoneyByHand
from sagas.participants import repaying


class RefundFailed(TypedDict):
    """Of which order, by which call, and how many minor units."""

    order_id: UUID
    refund_operation_id: UUID
    amount: int
    currency: str


repay_customer = Saga(
    "repay_customer",
    step(repaying.owe_again, pivot=True),
    given=RefundFailed,
    promise=repaying.is_repaid,
    stake="amount",
)

repaid_otherwise = Saga(
    "repaid_otherwise",
    step(repaying.mark, pivot=True, emits="payment.repaid"),
    step(repaying.book),
    step(repaying.close),
    given=MoneyByHand,
)
