"""An order ends once: completing and cancelling keep each other out, and both can be undone."""

import os
from functools import partial

import pytest

from campusg.ids import new_id
from orders.errors import OrderMoved, UnknownOrder
from orders.models import REASON_MAX, Order
from orders.services import (
    assign,
    begin_cancelling,
    begin_completing,
    mark_cancelled,
    mark_completed,
    stop_cancelling,
    stop_completing,
)
from orders.states import OrderStatus
from tests.factories import a_person
from tests.orders.lives import an_order_at, last_told, refused, told
from tests.threads import at_once, raised
from users.models import Role

S = OrderStatus
ROUNDS = int(os.environ.get("RACE_ROUNDS", "20"))
MONEY = {"food_fee": 1250, "delivery_fee": 399, "platform_fee": 123, "total": 1772}


@pytest.mark.django_db
def test_completing_says_whose_money_it_is(django_assert_num_queries):
    order = an_order_at(S.DELIVERED)
    with django_assert_num_queries(2):
        facts = begin_completing(order_id=order.id)
    assert facts == MONEY | {
        "currency": "USD",
        "customer_id": order.customer_id,
        "restaurant_id": order.restaurant_id,
        "runner_id": order.runner_id,
    }
    assert told(order)[-1] == "order.completion_begun"


@pytest.mark.django_db
@pytest.mark.parametrize(("paid", "end"), [(True, "COMPLETED"), (False, "COMPLETED_UNPAID")])
def test_an_order_is_completed_once_paid_or_not(paid, end):
    order = an_order_at(S.COMPLETING)
    for _ in range(2):
        mark_completed(order_id=order.id, paid=paid)
    assert Order.objects.get(id=order.id).status == end
    assert told(order).count(f"order.{end.lower()}") == 1
    with refused(OrderMoved):
        mark_completed(order_id=order.id, paid=not paid)


@pytest.mark.django_db
def test_a_completion_that_came_to_nothing_leaves_the_order_delivered_as_it_was():
    order = an_order_at(S.COMPLETING)
    for _ in range(2):
        stop_completing(order_id=order.id)
    undone = Order.objects.get(id=order.id)
    assert (undone.status, undone.completing_at) == ("DELIVERED", None)
    assert undone.delivered_at == order.delivered_at
    assert told(order)[-2:] == ["order.completion_begun", "order.completion_stopped"]


@pytest.mark.django_db
@pytest.mark.parametrize("status", [S.CREATED, S.ON_THE_WAY, S.COMPLETING, S.CANCELLING])
def test_only_a_delivered_order_is_completed(status):
    order = an_order_at(status)
    with refused(OrderMoved, f"is {status}"):
        begin_completing(order_id=order.id)
    with refused(UnknownOrder):
        begin_completing(order_id=new_id())


@pytest.mark.django_db
def test_cancelling_says_where_the_order_stood_and_whose_money_it_was():
    order = an_order_at(S.PLACED)
    facts = begin_cancelling(order_id=order.id, by="customer", reason="Changed my mind.")
    assert facts == MONEY | {
        "currency": "USD",
        "status_before": "PLACED",
        "runner_id_before": order.runner_id,
        "customer_id": order.customer_id,
        "restaurant_id": order.restaurant_id,
    }
    event = last_told(order)
    assert event.type == "order.cancellation_begun"
    assert "order.timed_out" not in told(order)
    assert (event.payload["by"], event.payload["reason"]) == ("customer", "Changed my mind.")


@pytest.mark.django_db
def test_a_cancelled_order_says_why_once():
    order = an_order_at(S.CREATED)
    begin_cancelling(order_id=order.id, by="timeout", reason="x" * (REASON_MAX + 1))
    for _ in range(2):
        mark_cancelled(order_id=order.id)
    order.refresh_from_db()
    assert (order.status, order.cancel_reason) == ("CANCELLED", "x" * REASON_MAX)
    ends = ["order.timed_out", "order.cancellation_begun", "order.cancelled"]
    assert told(order)[-3:] == ends
    assert last_told(order).payload["reason"] == order.cancel_reason


@pytest.mark.django_db
@pytest.mark.parametrize("before", [S.CREATED, S.ACCEPTED, S.PLACED, S.ON_THE_WAY, S.DELIVERED])
def test_a_cancellation_that_is_undone_puts_the_order_back(before):
    order = an_order_at(before)
    facts = begin_cancelling(order_id=order.id, by="ops", reason="By mistake.")
    for _ in range(2):
        stop_cancelling(order_id=order.id, status_before=facts["status_before"])
    undone = Order.objects.get(id=order.id)
    assert (undone.status, undone.runner_id) == (before, order.runner_id)
    assert (undone.cancelling_at, undone.cancel_reason) == (None, "")


@pytest.mark.django_db
@pytest.mark.parametrize("status", [S.COMPLETING, S.COMPLETED, S.CANCELLING])
def test_what_is_ending_or_has_ended_is_not_cancelled(status):
    order = an_order_at(status)
    with refused(OrderMoved, f"is {status}"):
        begin_cancelling(order_id=order.id, by="ops", reason="Too late.")
    with refused(UnknownOrder):
        begin_cancelling(order_id=new_id(), by="ops", reason="Nothing there.")


@pytest.mark.django_db
def test_nothing_is_cancelled_or_completed_past_its_lock():
    order = an_order_at(S.DELIVERED)
    with refused(OrderMoved, "is DELIVERED"):
        mark_cancelled(order_id=order.id)
    with refused(OrderMoved, "is DELIVERED"):
        mark_completed(order_id=order.id, paid=True)


@pytest.mark.race
def test_of_cancelling_and_completing_at_once_one_goes_on(committed_db):
    for _ in range(ROUNDS):
        order = an_order_at(S.DELIVERED)
        results = at_once(
            [
                partial(begin_completing, order_id=order.id),
                partial(begin_completing, order_id=order.id),
                partial(begin_cancelling, order_id=order.id, by="ops", reason="No."),
            ]
        )
        assert raised(results, OrderMoved) == 2
        lock = {"order.completion_begun", "order.cancellation_begun"}
        assert len([event for event in told(order) if event in lock]) == 1


@pytest.mark.race
def test_of_a_timeout_and_a_runner_at_once_one_has_the_order(committed_db):
    runner = a_person(Role.RUNNER)
    for _ in range(ROUNDS):
        order = an_order_at(S.CREATED)
        accepted, timed_out = at_once(
            [
                partial(assign, order_id=order.id, runner_id=runner.id),
                partial(begin_cancelling, order_id=order.id, by="timeout", reason="Nobody."),
            ]
        )
        status = Order.objects.get(id=order.id).status
        assert status in ("ACCEPTED", "CANCELLING")
        assert isinstance(accepted, Exception) == (status == "CANCELLING")
        assert isinstance(timed_out, Exception) == (status == "ACCEPTED")
