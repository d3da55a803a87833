"""Every saga of the project, made runnable: workers and publishers find them here."""

from sagas.accept_order import accept_order
from sagas.cancel_order import cancel_order
from sagas.complete_order import complete_order
from sagas.create_order import create_order
from sagas.decide_disputed import decide_disputed
from sagas.end_overdue import end_overdue
from sagas.engine.tasks import on_fail, register, sweep
from sagas.manual import BY_HAND
from sagas.pay_out import pay_out
from sagas.payees import check_payees
from sagas.purging import purge
from sagas.reconciling import look_at_open_task, reconcile_yesterday
from sagas.refund_order import refund_order
from sagas.release_runner import release_runner
from sagas.repay_customer import repaid_otherwise, repay_customer
from sagas.settle_claim import settle_claim
from sagas.stripe_events import backfill, follow_due
from sagas.upkeep import set_missing_timers

SAGAS = (
    create_order,
    accept_order,
    release_runner,
    complete_order,
    pay_out,
    cancel_order,
    end_overdue,
    refund_order,
    settle_claim,
    decide_disputed,
    repay_customer,
    repaid_otherwise,
    *BY_HAND,
)

for saga in SAGAS:
    register(saga)

__all__ = [
    "SAGAS",
    "backfill",
    "check_payees",
    "follow_due",
    "look_at_open_task",
    "on_fail",
    "purge",
    "reconcile_yesterday",
    "set_missing_timers",
    "sweep",
]
