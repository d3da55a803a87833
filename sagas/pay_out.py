"""Pay out: one payee's share of one order, sent to their account at Stripe.

An account that can't be paid now keeps its run waiting: the money stays owed in the books, and is
sent when the account is updated, or at one of the daily looks; after a week, or if the account is
gone, a person is called. Nobody else waits for it. What a payee owes us since an earlier order was
refunded is kept back, a part of each payout at most.
"""

from uuid import UUID

from payments.payouts import ACCOUNT_UPDATED
from sagas.engine import Saga, step
from sagas.engine.hands import NotNow, Told
from sagas.engine.starting import signal
from sagas.models import Run, RunStatus
from sagas.operating import act_on
from sagas.participants import escrow, payments
from sagas.participants.payouts import PayoutDue
from users.errors import CannotBePaid
from users.services import payee_of

pay_out = Saga(
    "pay_out",
    step(payments.transfer, pivot=True),
    step(escrow.pay_out, emits="payout.paid"),
    given=PayoutDue,
    stake="amount",
)


def account_updated(user_id: UUID) -> int:
    """Wake the payouts that wait for this user's account, those that a person was called for
    included if it may be paid now; how many."""
    theirs = Run.objects.filter(saga=pay_out.name, facts__payee_id=str(user_id))
    waiting = theirs.filter(status=RunStatus.WAITING, waits_for=ACCOUNT_UPDATED)
    woken = sum(signal(run_id, ACCOUNT_UPDATED) for run_id in waiting.values_list("id", flat=True))
    try:
        payee_of(user_id=user_id)
    except CannotBePaid:
        return woken
    parked = theirs.filter(status=RunStatus.PARKED)
    return woken + sum(_taken_up(run_id) for run_id in parked.values_list("id", flat=True))


def _taken_up(run_id: UUID) -> bool:
    try:
        act_on("resume", run_id, Told("The payee's account may be paid now."), actor="stripe")
    except NotNow:
        return False
    return True
