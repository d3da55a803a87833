"""Payees: who can't be paid takes no order and keeps what they are owed until they can be."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now

from campusg.ids import new_id
from orders.errors import RestaurantUnpaid
from orders.models import Order
from orders.states import OrderStatus
from payments.models import HeldPayout
from sagas.create_order import create_order
from sagas.engine.starting import announce, start
from sagas.models import RunStatus
from sagas.pay_out import account_updated
from sagas.payees import check_payees
from tests.conftest import eventually
from tests.makers import change_account, make_customer, make_payee, make_restaurant, requested
from tests.payments.webhooks import an_event
from tests.sagas.hearing import hear_of, tell
from tests.sagas.lunch import DELIVERY, FOOD, Lunch
from users.errors import AccountGone, CannotBePaid
from users.models import PayoutAccount, Transfers
from users.services import set_transfers

pytestmark = pytest.mark.story
Ordered = Callable[..., Lunch]
TRANSFERS = "/v1/transfers"


def held_at(order: Lunch, leg: str = "runner") -> HeldPayout:
    return HeldPayout.objects.get(order_id=order.id, leg=leg)


@pytest.mark.fault(17)
def test_a_restricted_runner_is_paid_when_stripe_tells_that_they_may_be(lunch: Ordered) -> None:
    order = lunch().bring()
    change_account(order.runner, transfers="inactive", disabled_reason="requirements.past_due")
    hear_of(order.runner)
    order.ends(order.complete())
    eventually(lambda: order.pay_out("runner").status == RunStatus.WAITING)
    eventually(lambda: order.paid() == {"restaurant": FOOD, "runner": 0})
    assert order.status == OrderStatus.COMPLETED
    assert order.owed()["runner"] == DELIVERY
    assert (held_at(order).waits_for, held_at(order).ended_at) == ("account", None)
    # No loop: until something happens nobody asks Stripe.
    assert [kind for kind, *_ in order.operations()].count("transfer_runner") == 0
    change_account(order.runner, transfers="active", disabled_reason=None)
    hear_of(order.runner)
    assert order.settles().paid() == {"restaurant": FOOD, "runner": DELIVERY}
    assert order.events().count("payout.held") == 1


@pytest.mark.fault(17)
def test_an_event_that_was_lost_is_made_up_for_by_the_daily_look(lunch: Ordered) -> None:
    order = lunch().bring()
    account = PayoutAccount.objects.filter(user=order.runner)
    account.update(transfers=Transfers.INACTIVE, checked_at=Now() - timedelta(hours=21))
    order.ends(order.complete())
    eventually(lambda: order.pay_out("runner").status == RunStatus.WAITING)
    check_payees()
    assert order.pay_out("runner").status == RunStatus.WAITING
    account.update(checked_at=Now() - timedelta(days=400))
    check_payees()
    assert order.settles().paid()["runner"] == DELIVERY
    assert account.get().transfers == Transfers.ACTIVE


@pytest.mark.fault(17)
def test_after_a_week_a_person_is_called_and_the_event_still_pays(lunch: Ordered) -> None:
    order = lunch().bring()
    change_account(order.runner, transfers="inactive")
    order.ends(order.complete())
    eventually(lambda: order.pay_out("runner").status == RunStatus.WAITING)
    HeldPayout.objects.filter(order_id=order.id).update(since=Now() - timedelta(days=8))
    hear_of(order.runner)
    eventually(lambda: order.pay_out("runner").status == RunStatus.PARKED)
    assert order.pay_out("runner").amount_at_risk == DELIVERY
    change_account(order.runner, transfers="active")
    hear_of(order.runner)
    assert order.settles().paid()["runner"] == DELIVERY
    assert held_at(order).ended_at


@pytest.mark.fault(18)
def test_an_account_that_left_is_never_paid_and_another_one_is(lunch: Ordered) -> None:
    order = lunch().bring()
    left = order.runner.payout_account.stripe_account_id
    change_account(order.runner, deauthorized=True)
    hear_of_leaving(order)
    order.ends(order.complete())
    eventually(lambda: order.pay_out("runner").status == RunStatus.PARKED)
    run = order.pay_out("runner")
    assert run.amount_at_risk == order.owed()["runner"] == DELIVERY
    assert "has left us" in run.reason
    eventually(lambda: order.paid() == {"restaurant": FOOD, "runner": 0})
    with pytest.raises(AccountGone):
        lunch().accept(order.runner)
    make_payee(order.runner)
    order.runner.payout_account.refresh_from_db()
    assert order.runner.payout_account.stripe_account_id != left
    assert account_updated(order.runner.id) == 1
    assert order.settles().paid()["runner"] == DELIVERY


def hear_of_leaving(order: Lunch) -> None:
    """The platform can't list the events of an account that has left: the webhook tells of it."""
    name = order.runner.payout_account.stripe_account_id
    event = an_event("account.application.deauthorized", id="ca_1", object="application")
    tell([event | {"account": name}])
    assert PayoutAccount.objects.get(stripe_account_id=name).gone_at


@pytest.mark.fault(19)
def test_a_payout_that_the_balance_can_not_cover_is_tried_again_when_it_can(lunch: Ordered) -> None:
    order = lunch().bring()
    refused = {"status": 400, "code": "balance_insufficient", "path": TRANSFERS}
    order.fault("refuse", **refused)
    order.ends(order.complete())
    eventually(lambda: HeldPayout.objects.filter(order_id=order.id, waits_for="balance").exists())
    eventually(lambda: announce("balance.available"))
    assert order.settles().paid() == {"restaurant": FOOD, "runner": DELIVERY}
    assert "payout.held" in order.events()


@pytest.mark.fault(20)
def test_a_transfer_whose_reply_is_lost_is_found_and_paid_once(lunch: Ordered) -> None:
    order = lunch().bring()
    order.fault("drop_reply", path=TRANSFERS)
    order.complete()
    assert order.settles().paid() == {"restaurant": FOOD, "runner": DELIVERY}
    assert [kind for kind, *_ in order.operations()].count("transfer_runner") == 1


def test_who_can_not_be_paid_takes_no_order(worker: Any, books: None) -> None:
    restaurant = make_restaurant()
    owner = make_payee(restaurant.owner)
    account = owner.payout_account.stripe_account_id
    set_transfers(stripe_account_id=account, transfers=Transfers.PENDING)
    order_id, customer = new_id(), make_customer()
    facts = requested(order_id, customer, restaurant)
    with pytest.raises(RestaurantUnpaid, match="choose another"), transaction.atomic():
        start(create_order, str(order_id), **facts)
    assert not Order.objects.filter(pk=order_id).exists()


def test_a_runner_who_can_not_be_paid_accepts_nothing_and_is_told_what_to_do(
    lunch: Ordered,
) -> None:
    order = lunch()
    change_account(order.runner, transfers="pending")
    hear_of(order.runner)
    with pytest.raises(CannotBePaid, match="onboarding-link"):
        order.accept()
    assert order.status == OrderStatus.CREATED
