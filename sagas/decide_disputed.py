"""Decide disputed: a dispute was lost before everybody was paid, and an operator says if they are.

Until then their payouts are parked. Who is paid is paid out of the platform's own; what is not paid
makes up for a part of the loss. What was paid before stays paid.
"""

from sagas.engine import Saga, step
from sagas.manual import MoneyByHand
from sagas.participants import disputes, payouts


class PayeesDecided(MoneyByHand):
    """And whether those who are not paid yet are (`paid`) or not (`unpaid`)."""

    payees: str


decide_disputed = Saga(
    "decide_disputed",
    step(disputes.decide, pivot=True),
    step(disputes.withhold, emits="payout.withheld"),
    step(payouts.take_up_frozen),
    given=PayeesDecided,
)
