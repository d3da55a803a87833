"""Money moved by hand: each step of a saga alone, and never again by the saga that follows."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from escrow.chart import Code
from orders import errors
from orders import services as orders
from orders.models import Order
from orders.states import OrderStatus
from payments.models import Payment
from sagas import manual
from sagas.books import violations
from sagas.engine import Saga
from sagas.engine.starting import start
from sagas.models import ACTIVE, Run, RunStatus
from tests.api.world import a_run_that_waits_for_the_card
from tests.conftest import eventually
from tests.factories import a_customer, an_order
from tests.makers import at_stripe, make_customer
from tests.sagas.lunch import DELIVERY, FOOD, TOTAL, Lunch
from users.models import User

Ordered = Callable[..., Lunch]


def violations_of(order: Lunch) -> list[str]:
    """What the books say against this order."""
    return [one.invariant.name for one in violations() if str(order.id) in str(one.rows)]


def by_hand(saga: Saga, order_id: UUID, who: User) -> Run:
    """The run, once it is over."""
    facts: dict[str, Any] = {"move": saga.name, "by_user_id": who.id, "reason": "it was parked"}
    with transaction.atomic():
        run = start(saga, str(order_id), order_id=order_id, **facts)
    eventually(lambda: Run.objects.get(pk=run.pk).status not in ACTIVE)
    return Run.objects.get(pk=run.pk)


@pytest.mark.story
def test_what_was_taken_and_passed_on_by_hand_is_not_taken_again(lunch: Ordered) -> None:
    order = lunch().bring()
    for saga in (manual.capture_payment, manual.release_escrow, manual.capture_payment):
        assert by_hand(saga, order.id, order.owner).status == RunStatus.COMPLETED
    assert order.owed() == {"restaurant": FOOD, "runner": DELIVERY}
    order.complete()
    assert order.settles().status == OrderStatus.COMPLETED
    assert at_stripe(order.id)["captured"] == TOTAL
    assert order.paid() == {"restaurant": FOOD, "runner": DELIVERY}
    assert order.owed() == {"restaurant": 0, "runner": 0}
    for event in ("payment.captured", "escrow.captured", "escrow.released"):
        assert order.events().count(event) == 1


@pytest.mark.story
@pytest.mark.parametrize(
    "moves",
    [[manual.capture_payment], [manual.capture_payment, manual.release_escrow]],
    ids=["taken", "taken and passed on"],
)
def test_what_was_taken_by_hand_of_an_order_called_off_goes_back_and_is_paid_to_nobody(
    lunch: Ordered, moves: list[Saga]
) -> None:
    order = lunch().bring()
    for saga in moves:
        assert by_hand(saga, order.id, order.owner).status == RunStatus.COMPLETED
    assert violations_of(order) == []
    assert order.ends(order.cancel(by="ops")).status == RunStatus.COMPLETED
    assert order.settles().status == OrderStatus.CANCELLED
    money = at_stripe(order.id)
    assert (money["captured"], money["refunded"]) == (TOTAL, TOTAL)
    assert order.paid() == order.owed() == {"restaurant": 0, "runner": 0}
    assert order.balance(Code.PLATFORM_REVENUE) == 0
    assert order.balance(Code.STRIPE_CLEARING) == -money["fee"]


@pytest.mark.story
def test_money_is_held_and_let_go_step_by_step(lunch: Ordered) -> None:
    customer = make_customer()
    order = an_order(customer)
    for saga in (manual.authorize_payment, manual.hold_escrow):
        assert by_hand(saga, order.id, customer).status == RunStatus.COMPLETED
    assert at_stripe(order.id)["held"] == TOTAL
    orders.cancel(order_id=order.id, reason="nobody wants it")
    for saga in (manual.release_payment, manual.cancel_escrow):
        assert by_hand(saga, order.id, customer).status == RunStatus.COMPLETED
    assert at_stripe(order.id)["held"] == 0
    assert Payment.objects.get(order_id=order.id).status == "RELEASED"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "saga",
    [manual.authorize_payment, manual.hold_escrow, manual.release_payment, manual.cancel_escrow],
    ids=lambda saga: saga.name,
)
def test_nothing_is_done_by_hand_while_a_saga_is_at_work(saga: Saga) -> None:
    run = a_run_that_waits_for_the_card(a_customer())
    order = Order.objects.get(pk=run.key)
    facts: dict[str, Any] = {"by_user_id": order.customer_id, "reason": "it was parked"}
    with pytest.raises(errors.OrderBusy), transaction.atomic():
        start(saga, run.key, order_id=order.id, move=saga.name, **facts)
    assert Run.objects.filter(key=run.key).count() == 1
