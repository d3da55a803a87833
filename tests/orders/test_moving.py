"""Moving an order: once, along the edges, and each move is told once."""

import pytest
from django.db import transaction

from campusg.ids import new_id
from events.models import OutboxEvent
from orders.errors import OrderMoved
from orders.models import REASON_MAX, Order
from orders.services import await_payment, cancel, mark_created
from tests.factories import an_order
from tests.threads import at_once, raised


def told(order):
    of_order = OutboxEvent.objects.filter(aggregateid=order.id).order_by("aggversion")
    return list(of_order.values_list("type", flat=True))


@pytest.mark.django_db
def test_a_paid_order_is_created_once_however_often_it_is_said(django_assert_num_queries):
    order = an_order()
    with django_assert_num_queries(2):
        mark_created(order_id=order.id)
    mark_created(order_id=order.id)
    order.refresh_from_db()
    assert (order.status, order.version) == ("CREATED", 2)
    assert order.created_at >= order.pending_at
    assert told(order) == ["order.pending_payment", "order.created"]


@pytest.mark.django_db
def test_an_order_may_wait_for_the_customers_bank():
    order = an_order()
    await_payment(order_id=order.id)
    await_payment(order_id=order.id)
    mark_created(order_id=order.id)
    assert told(order) == ["order.pending_payment", "order.awaiting_payment", "order.created"]


@pytest.mark.django_db
def test_an_unpaid_order_is_cancelled_once_and_says_why():
    order = an_order()
    cancel(order_id=order.id, reason="The card was declined.")
    cancel(order_id=order.id, reason="Again.")
    order.refresh_from_db()
    assert (order.status, order.cancel_reason) == ("CANCELLED", "The card was declined.")
    assert order.cancelled_at is not None
    assert told(order) == ["order.pending_payment", "order.cancelled"]


@pytest.mark.django_db
def test_a_long_story_does_not_keep_an_order_from_being_cancelled():
    order = an_order()
    cancel(order_id=order.id, reason="x" * (REASON_MAX + 1))
    assert Order.objects.get(id=order.id).cancel_reason == "x" * REASON_MAX


@pytest.mark.django_db
def test_an_order_that_never_was_needs_no_cancelling_but_cannot_be_created():
    missing = new_id()
    cancel(order_id=missing, reason="Nothing came of it.")
    assert not OutboxEvent.objects.filter(aggregateid=missing).exists()
    with pytest.raises(OrderMoved, match="absent"):
        mark_created(order_id=missing)


@pytest.mark.django_db
def test_what_is_settled_is_not_settled_otherwise():
    created, cancelled = an_order(), an_order()
    mark_created(order_id=created.id)
    cancel(order_id=cancelled.id, reason="No.")
    too_late = pytest.raises(OrderMoved, match="is CREATED; it cannot become CANCELLED")
    with too_late, transaction.atomic():
        cancel(order_id=created.id, reason="Too late.")
    with pytest.raises(OrderMoved, match="is CANCELLED; it cannot become CREATED"):
        mark_created(order_id=cancelled.id)


@pytest.mark.race
def test_creating_and_cancelling_at_once_ends_in_one_of_the_two(committed_db):
    order = an_order()
    results = at_once(
        [lambda: mark_created(order_id=order.id), lambda: cancel(order_id=order.id, reason="No.")]
        * 4
    )
    status = Order.objects.get(id=order.id).status
    assert status in ("CREATED", "CANCELLED")
    assert raised(results, OrderMoved) == 4
    assert told(order) == ["order.pending_payment", f"order.{status.lower()}"]
