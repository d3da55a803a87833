"""The outbox: nothing recorded is lost, renumbered, changed or half there."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from campusg.ids import new_id
from events.catalogue import Undeclared
from events.models import OutboxEvent
from events.outbox import prune
from events.services import PAYLOAD_MAX_BYTES, record
from tests.events.facts import order_facts
from tests.threads import at_once


def versions(order_id):
    of_order = OutboxEvent.objects.filter(aggregateid=order_id).order_by("aggversion")
    return list(of_order.values_list("aggversion", flat=True))


@pytest.mark.django_db
def test_an_orders_events_are_numbered_from_one(django_assert_num_queries):
    order_id, other, facts = new_id(), new_id(), order_facts()
    with django_assert_num_queries(1):
        first = record(type="order.created", order_id=order_id, data=facts)
    record(type="order.created", order_id=other, data=order_facts())
    second = record(type="order.cancelled", order_id=order_id, data=order_facts())
    assert (first.version, second.version) == (1, 2)
    stored = OutboxEvent.objects.get(id=first.id)
    assert (stored.type, stored.payload, stored.aggregatetype, stored.published_at) == (
        "order.created",
        facts | {key: str(facts[key]) for key in ("customer_id", "restaurant_id")},
        "order",
        None,
    )


@pytest.mark.django_db
def test_a_transaction_that_rolls_back_leaves_neither_event_nor_gap():
    order_id = new_id()
    record(type="order.created", order_id=order_id, data=order_facts())
    with transaction.atomic():
        record(type="order.cancelled", order_id=order_id, data=order_facts())
        transaction.set_rollback(True)
    record(type="order.cancelled", order_id=order_id, data=order_facts())
    assert versions(order_id) == [1, 2]


def test_an_event_is_recorded_with_its_cause_or_not_at_all(committed_db):
    order_id = new_id()
    with pytest.raises(RuntimeError, match="outside the transaction"):
        record(type="order.created", order_id=order_id, data=order_facts())
    assert versions(order_id) == []


@pytest.mark.django_db
def test_an_event_too_long_for_the_broker_is_a_mistake_in_the_code():
    with pytest.raises(ValueError, match="longer than"):
        record(type="order.created", order_id=new_id(), data={"x": "ü" * PAYLOAD_MAX_BYTES})


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["created", "order.Created", "order.", "order created"])
def test_an_events_type_is_dotted_lower_case(name):
    with pytest.raises(IntegrityError, match="events_outbox_type_dotted"):
        OutboxEvent.objects.create(
            aggregatetype="order", aggregateid=new_id(), aggversion=1, type=name, payload={}
        )


@pytest.mark.django_db
def test_an_event_that_the_catalogue_does_not_know_is_a_mistake_in_the_code():
    with pytest.raises(Undeclared, match=r"events/schemas/order.lost.v1.json"):
        record(type="order.lost", order_id=new_id(), data=order_facts())
    with pytest.raises(Undeclared, match="'total' is a required property"):
        record(type="order.created", order_id=new_id(), data={})


@pytest.mark.django_db
def test_nobody_rewrites_what_happened():
    event = record(type="order.created", order_id=new_id(), data=order_facts())
    stored = OutboxEvent.objects.filter(id=event.id)
    for change in ({"payload": {"total": 2}}, {"type": "order.lost"}, {"aggversion": 7}):
        with pytest.raises(IntegrityError, match="forbidden"), transaction.atomic():
            stored.update(**change)
    stored.update(published_at=Now())
    assert stored.get().published_at is not None


@pytest.mark.django_db
def test_only_a_published_event_may_be_cleared_away():
    event = record(type="order.created", order_id=new_id(), data=order_facts())
    stored = OutboxEvent.objects.filter(id=event.id)
    with pytest.raises(IntegrityError, match="forbidden"), transaction.atomic():
        stored.delete()
    stored.update(published_at=Now())
    assert stored.delete()[0] == 1


@pytest.mark.django_db
def test_the_outbox_cannot_be_emptied_at_a_stroke():
    with (
        pytest.raises(IntegrityError, match="forbidden"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("TRUNCATE events_outboxevent")


@pytest.mark.race
def test_eight_writers_number_one_orders_events_without_gap_or_double(committed_db):
    order_id = new_id()

    def five_times():
        for _ in range(5):
            with transaction.atomic():
                record(type="order.created", order_id=order_id, data=order_facts())

    assert at_once([five_times] * 8) == [None] * 8
    assert versions(order_id) == list(range(1, 41))


@pytest.mark.django_db
def test_what_was_published_long_ago_is_cleared_away_and_what_waits_is_not():
    old, recent, waits = (new_id() for _ in range(3))
    for order_id in (old, recent, waits):
        record(type="order.created", order_id=order_id, data=order_facts())
    for order_id, days in ((old, 91), (recent, 89)):
        OutboxEvent.objects.filter(aggregateid=order_id).update(
            published_at=Now() - timedelta(days=days)
        )
    assert prune(days=90, batch=10) == 1
    assert [len(versions(order_id)) for order_id in (old, recent, waits)] == [0, 1, 1]
