"""Pay out: one payee's share of one order, sent to their account at Stripe.

An account that can't be paid now keeps its run waiting: the money stays owed in the books, and is
sent when the account is updated, or at one of the daily looks. Nobody else waits for it. What a
payee owes us since an earlier order was refunded is kept back, a part of each payout at most.
"""

from uuid import UUID

from payments.payouts import ACCOUNT_UPDATED
from sagas.engine import Saga, step
from sagas.engine.starting import signal
from sagas.models import Run, RunStatus
from sagas.participants import escrow, payments
from sagas.participants.payouts import PayoutDue

pay_out = Saga(
    "pay_out",
    step(payments.transfer, pivot=True),
    step(escrow.pay_out, emits="payout.paid"),
    given=PayoutDue,
    stake="amount",
)


def account_updated(user_id: UUID) -> int:
    """Wake the payouts that wait for this user's account; how many."""
    waiting = Run.objects.filter(
        saga=pay_out.name,
        status=RunStatus.WAITING,
        waits_for=ACCOUNT_UPDATED,
        facts__payee_id=str(user_id),
    )
    return sum(signal(run_id, ACCOUNT_UPDATED) for run_id in waiting.values_list("id", flat=True))
