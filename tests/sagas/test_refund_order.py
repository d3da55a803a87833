"""Refund order: the customer has everything back, whatever the payees can pay back."""

from collections.abc import Callable

import pytest
from django.db import transaction

from campusg.ids import new_id
from escrow.chart import Code
from escrow.services import set_off
from payments.errors import NothingToRefund
from payments.learning import payment_of
from payments.models import PaymentStatus
from sagas.models import Run, RunStatus
from sagas.refund_order import refund_order
from tests.conftest import eventually
from tests.makers import at_stripe, change_account
from tests.sagas.lunch import DELIVERY, FOOD, TOTAL, Lunch
from tests.threads import Second
from users.models import Transfers
from users.services import set_transfers

pytestmark = pytest.mark.story
Ordered = Callable[..., Lunch]


@pytest.fixture
def eaten(lunch: Ordered) -> Ordered:
    """A completed order, everybody paid."""

    def make() -> Lunch:
        order = lunch().bring()
        order.complete()
        return order.settles()

    return make


def refund(order: Lunch) -> Run:
    return order.begin(refund_order, by_user_id=new_id(), reason="there was a fly in it")


def the_customer_has_everything_back(order: Lunch) -> None:
    money = at_stripe(order.id)
    assert (money["captured"], money["refunded"]) == (TOTAL, TOTAL)
    assert order.payment.status == PaymentStatus.REFUNDED
    assert order.balance(Code.REFUND_IN_FLIGHT) == 0
    assert order.balance(Code.STRIPE_FEES) == money["fee"]
    assert order.owed() == {"restaurant": 0, "runner": 0}
    sent = sum(order.paid().values())
    assert order.balance(Code.STRIPE_CLEARING) == -money["fee"] - sent
    assert order.balance(Code.PAYEE_RECEIVABLE) == sent


def test_a_refund_takes_both_payouts_back_first(eaten: Ordered) -> None:
    order = eaten()
    assert order.ends(refund(order)).status == RunStatus.COMPLETED
    the_customer_has_everything_back(order)
    assert order.paid() == {"restaurant": 0, "runner": 0}
    assert order.status == "COMPLETED"


def test_the_events_are_those_of_the_table(eaten: Ordered) -> None:
    order = eaten()
    before = len(order.events())
    order.ends(refund(order))
    of_table = [row.emits for row in refund_order.steps if row.emits]
    assert [one for one in order.events()[before:] if one in of_table] == of_table


def test_a_payee_without_the_money_owes_it(eaten: Ordered) -> None:
    order = eaten()
    change_account(order.runner, pay_out=True)
    assert order.ends(refund(order)).status == RunStatus.COMPLETED
    the_customer_has_everything_back(order)
    assert order.paid() == {"restaurant": 0, "runner": DELIVERY}


def test_what_was_never_paid_out_needs_no_reversal_and_is_never_paid_later(lunch: Ordered) -> None:
    order = lunch().bring()
    change_account(order.runner, transfers="inactive")
    order.ends(order.complete())
    eventually(lambda: order.pay_out("runner").status == RunStatus.WAITING)
    eventually(lambda: order.paid()["restaurant"] == FOOD)
    eventually(lambda: order.owed()["restaurant"] == 0)
    assert order.ends(refund(order)).status == RunStatus.COMPLETED
    the_customer_has_everything_back(order)
    assert order.ends(order.pay_out("runner")).status == RunStatus.COMPENSATED
    assert order.paid()["runner"] == 0


def test_a_payout_to_an_account_that_we_know_to_be_restricted_ends_with_the_refund_too(
    lunch: Ordered,
) -> None:
    order = lunch().bring()
    account = order.runner.payout_account.stripe_account_id
    set_transfers(stripe_account_id=account, transfers=Transfers.INACTIVE)
    order.ends(order.complete())
    eventually(lambda: order.pay_out("runner").status == RunStatus.WAITING)
    eventually(lambda: order.owed()["restaurant"] == 0)
    assert order.ends(refund(order)).status == RunStatus.COMPLETED
    assert order.ends(order.pay_out("runner")).status == RunStatus.COMPENSATED
    the_customer_has_everything_back(order)


@pytest.mark.parametrize("path", ["/v1/refunds", "/v1/transfers/*/reversals"])
@pytest.mark.parametrize("kind", ["drop_request", "drop_reply", "conflict", "stored_500_after"])
def test_an_unknown_outcome_is_found_out(eaten: Ordered, path: str, kind: str) -> None:
    order = eaten()
    order.fault(kind, path=path)
    assert order.ends(refund(order)).status == RunStatus.COMPLETED
    the_customer_has_everything_back(order)
    assert order.paid() == {"restaurant": 0, "runner": 0}


def test_a_refund_and_a_payout_take_their_locks_in_one_order(eaten: Ordered) -> None:
    order = eaten()
    begun = Second(lambda: refund(order))
    with transaction.atomic():
        payment_of(order.id)
        begun.comes_and_waits_for_me()
        assert set_off(
            order_id=order.id, owner=order.runner.id, code=Code.RUNNER_PAYABLE, amount=DELIVERY
        ) == 0, "nobody waits for the other's row"  # fmt: skip
    assert order.ends(begun.said()).status == RunStatus.COMPLETED


def test_nothing_is_refunded_twice(eaten: Ordered) -> None:
    order = eaten()
    order.ends(refund(order))
    with pytest.raises(NothingToRefund):
        refund(order)
    the_customer_has_everything_back(order)


def test_what_is_not_completed_is_not_refunded(lunch: Ordered) -> None:
    with pytest.raises(NothingToRefund, match="AUTHORIZED"):
        refund(lunch().bring())
