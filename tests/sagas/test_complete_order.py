"""Complete order: the card pays once, everybody is owed their share, each is paid alone."""

from collections.abc import Callable

import pytest

from escrow.chart import Code
from orders import errors
from orders.states import OrderStatus
from payments.models import PaymentStatus
from sagas.complete_order import complete_order
from sagas.engine.starting import NoLiveRun, compensate
from sagas.models import Run, RunStatus
from sagas.pay_out import account_updated
from tests.conftest import Worker, eventually
from tests.makers import at_stripe, change_account, give_card
from tests.sagas.lunch import DELIVERY, FOOD, PLATFORM, TOTAL, Lunch
from users.models import Transfers
from users.services import set_transfers

pytestmark = pytest.mark.story
Ordered = Callable[..., Lunch]
CAPTURE = "/v1/payment_intents/*/capture"
TRANSFERS = "/v1/transfers"


def everybody_is_paid(order: Lunch) -> None:
    """Once: the customer, the restaurant, the runner; what is left is the platform's."""
    money = at_stripe(order.id)
    assert (money["held"], money["captured"], money["refunded"]) == (0, TOTAL, 0)
    assert order.paid() == {"restaurant": FOOD, "runner": DELIVERY}
    assert order.owed() == {"restaurant": 0, "runner": 0}
    assert order.balance(Code.PLATFORM_REVENUE) == PLATFORM
    assert order.balance(Code.STRIPE_FEES) == money["fee"]
    assert order.balance(Code.STRIPE_CLEARING) == PLATFORM - money["fee"]


def account_of(order: Lunch) -> str:
    account: str = order.runner.payout_account.stripe_account_id
    return account


def test_a_delivered_order_is_paid_for_and_everybody_is_paid(lunch: Ordered) -> None:
    order = lunch().bring()
    order.complete()
    assert order.settles().status == OrderStatus.COMPLETED
    everybody_is_paid(order)
    assert order.payment.status == PaymentStatus.CAPTURED
    assert order.timers()["DELIVERY_REMINDER"] == "CANCELLED"


def test_the_events_are_those_of_the_table_and_of_both_payouts(lunch: Ordered) -> None:
    order = lunch().bring()
    before = len(order.events())
    order.complete()
    told = order.settles().events()[before:]
    of_table = [row.emits for row in complete_order.steps if row.emits]
    assert [one for one in told if one in of_table] == of_table
    assert told.count("payout.paid") == 2


def test_only_what_was_delivered_is_completed(lunch: Ordered) -> None:
    order = lunch().bring(OrderStatus.ON_THE_WAY)
    with pytest.raises(errors.OrderMoved):
        order.complete()
    assert not Run.objects.filter(saga="complete_order", key=str(order.id)).exists()
    assert order.status == OrderStatus.ON_THE_WAY


def test_completing_twice_pays_once(lunch: Ordered) -> None:
    order = lunch().bring()
    order.complete()
    order.settles()
    with pytest.raises(errors.OrderMoved):
        order.complete()
    everybody_is_paid(order)


def test_past_its_start_a_completion_can_t_be_called_off(lunch: Ordered) -> None:
    order = lunch().bring()
    order.fault("latency", path=CAPTURE, seconds=1)
    run = order.complete()
    with pytest.raises(NoLiveRun):
        compensate(run.pk, "second thoughts")
    everybody_is_paid(order.settles())


@pytest.mark.parametrize(
    "kind",
    [
        "drop_request", "drop_reply", "conflict", "rate_limit", "stored_500_before",
        "stored_500_after",
    ],
)  # fmt: skip
def test_a_capture_whose_outcome_is_unknown_is_found_out(lunch: Ordered, kind: str) -> None:
    order = lunch().bring()
    order.fault(kind, path=CAPTURE)
    order.complete()
    everybody_is_paid(order.settles())


def test_a_worker_killed_during_the_capture_leaves_one_capture(
    lunch: Ordered, new_worker: Callable[..., Worker]
) -> None:
    first = new_worker()
    order = lunch().bring()
    order.fault("latency", path=CAPTURE, seconds=2)
    run = order.complete()
    eventually(lambda: Run.objects.get(pk=run.pk).lease_until)
    first.kill()
    new_worker()
    everybody_is_paid(order.settles())


# A card that says no after the meal was eaten.


def test_a_capture_refused_after_delivery_undoes_nothing_and_calls_a_person(
    lunch: Ordered,
) -> None:
    order = lunch().bring()
    order.fault("decline_capture", path=CAPTURE)
    give_card(order.customer, "pm_card_chargeCustomerFail")
    run = order.ends(order.complete())
    assert (run.status, run.amount_at_risk) == (RunStatus.PARKED, TOTAL)
    assert "17.72 USD" in run.reason
    assert f"POST /api/orders/{order.id}/settle" in run.remedy
    assert order.ends(order.settlement()).status == RunStatus.COMPENSATED
    assert order.status == OrderStatus.COMPLETED_UNPAID
    assert order.held() == []
    assert order.payment.status == PaymentStatus.RELEASED
    assert order.owed() == {"restaurant": FOOD, "runner": DELIVERY}
    assert order.balance(Code.CUSTOMER_CLAIM) == TOTAL
    assert "order.completed_unpaid" in order.events()
    assert "payment.capture_failed" in order.events()
    assert not Run.objects.filter(saga="pay_out", key__startswith=str(order.id)).exists()


def test_a_hold_that_lapsed_before_the_delivery_ends_the_same_way(lunch: Ordered) -> None:
    order = lunch().bring()
    order.lapse()
    give_card(order.customer, "pm_card_chargeCustomerFail")
    run = order.ends(order.complete())
    assert run.status == RunStatus.PARKED
    assert order.ends(order.settlement()).status == RunStatus.COMPENSATED
    assert order.status == OrderStatus.COMPLETED_UNPAID
    assert order.payment.status == PaymentStatus.LAPSED


# Payees who can't be paid now.


def test_a_restricted_account_holds_up_only_its_own_leg(lunch: Ordered) -> None:
    order = lunch().bring()
    change_account(order.runner, transfers="inactive")
    order.ends(order.complete())
    eventually(lambda: order.paid()["restaurant"] == FOOD)
    eventually(lambda: order.pay_out("runner").status == RunStatus.WAITING)
    assert order.status == OrderStatus.COMPLETED
    assert order.owed()["runner"] == DELIVERY
    change_account(order.runner, transfers="active")
    assert account_updated(order.runner.id) == 1
    everybody_is_paid(order.settles())


def test_an_account_that_we_know_to_be_restricted_is_not_even_tried(lunch: Ordered) -> None:
    order = lunch().bring()
    set_transfers(stripe_account_id=account_of(order), transfers=Transfers.INACTIVE)
    order.ends(order.complete())
    eventually(lambda: order.pay_out("runner").status == RunStatus.WAITING)
    assert ("transfer_runner", 1, "failed") not in order.operations()
    set_transfers(stripe_account_id=account_of(order), transfers=Transfers.ACTIVE)
    account_updated(order.runner.id)
    everybody_is_paid(order.settles())


@pytest.mark.parametrize(
    "kind", ["drop_request", "drop_reply", "conflict", "rate_limit", "stored_500_after"]
)
def test_a_transfer_whose_outcome_is_unknown_pays_once(lunch: Ordered, kind: str) -> None:
    order = lunch().bring()
    order.fault(kind, path=TRANSFERS, times=2)
    order.complete()
    everybody_is_paid(order.settles())


def test_an_account_that_left_calls_a_person_and_pays_nobody_else(lunch: Ordered) -> None:
    order = lunch().bring()
    change_account(order.runner, deauthorized=True)
    order.ends(order.complete())
    eventually(lambda: order.pay_out("runner").status == RunStatus.PARKED)
    run = order.pay_out("runner")
    assert run.amount_at_risk == DELIVERY
    assert order.owed()["runner"] == DELIVERY
    assert order.status == OrderStatus.COMPLETED
