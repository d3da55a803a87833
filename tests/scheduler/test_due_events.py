"""Due events: one of a kind pending for an entity, and taken back while there is time."""

from datetime import timedelta
from threading import Event

import pytest
from django.db import transaction
from django.utils import timezone

from campusg.ids import new_id
from scheduler.errors import AlreadyScheduled, EventOver, UnknownEvent
from scheduler.models import EventStatus, EventType, ScheduledEvent
from scheduler.services import (
    cancel_delivery_reminder,
    cancel_event,
    cancel_order_timeout,
    fire_all_due,
    fire_due,
    schedule,
    start_delivery_reminder,
    start_order_timeout,
)
from tests.threads import at_once

A_MINUTE = timedelta(minutes=1)


@pytest.mark.django_db
def test_an_order_times_out_after_the_time_set_by_the_databases_clock(
    settings, django_assert_num_queries
):
    settings.ORDER_TIMEOUT_SECONDS = 1800
    order_id = new_id()
    with django_assert_num_queries(1):
        facts = start_order_timeout(order_id=order_id)
    event = ScheduledEvent.objects.get(id=facts["timeout_event_id"])
    assert (event.entity_id, event.event_type) == (order_id, EventType.ORDER_TIMEOUT)
    assert event.due_at - event.created_at == timedelta(seconds=1800)


@pytest.mark.django_db
def test_starting_the_timer_again_leaves_the_one_that_runs():
    order_id = new_id()
    first = start_order_timeout(order_id=order_id)
    due_at = ScheduledEvent.objects.get(entity_id=order_id).due_at
    assert start_order_timeout(order_id=order_id) == first
    assert ScheduledEvent.objects.get(entity_id=order_id).due_at == due_at


@pytest.mark.django_db
def test_a_timer_taken_back_never_fires_and_can_be_set_anew(settings):
    settings.ORDER_TIMEOUT_SECONDS = 0
    order_id = new_id()
    first = start_order_timeout(order_id=order_id)
    cancel_order_timeout(order_id=order_id)
    cancel_order_timeout(order_id=order_id)
    fire_due()
    event = ScheduledEvent.objects.get(id=first["timeout_event_id"])
    assert event.status == EventStatus.CANCELLED
    assert event.cancelled_at is not None
    assert start_order_timeout(order_id=order_id) != first


@pytest.mark.django_db
def test_anything_is_scheduled_once_at_one_time():
    wanted = {
        "event_type": EventType.ESCROW_TIMEOUT,
        "entity_id": new_id(),
        "due_at": timezone.now() + A_MINUTE,
        "payload": {"note": "look into it"},
    }
    event = schedule(**wanted)
    assert schedule(**wanted) == event
    with pytest.raises(AlreadyScheduled), transaction.atomic():
        schedule(**wanted | {"due_at": timezone.now()})
    cancel_event(event_id=event.id)
    assert schedule(**wanted) != event


@pytest.mark.django_db
def test_an_event_is_taken_back_until_it_has_fired():
    event = schedule(
        event_type=EventType.ESCROW_TIMEOUT, entity_id=new_id(), due_at=timezone.now() - A_MINUTE
    )
    other = schedule(
        event_type=EventType.ESCROW_TIMEOUT, entity_id=new_id(), due_at=timezone.now() + A_MINUTE
    )
    for _ in range(2):
        assert cancel_event(event_id=other.id).status == EventStatus.CANCELLED
    fire_all_due()
    with pytest.raises(EventOver, match="FIRED"):
        cancel_event(event_id=event.id)
    with pytest.raises(UnknownEvent):
        cancel_event(event_id=new_id())


@pytest.mark.race
def test_fifty_at_once_set_one_timer(committed_db):
    order_id = new_id()
    results = at_once([lambda: start_order_timeout(order_id=order_id)["timeout_event_id"]] * 50)
    assert len(set(results)) == 1
    assert ScheduledEvent.objects.get(entity_id=order_id).id == results[0]
    cancel_order_timeout(order_id=order_id)


@pytest.mark.race
def test_who_takes_a_timer_back_does_not_wait_for_whoever_fires_it(committed_db):
    order_id = new_id()
    start_delivery_reminder(order_id=order_id)
    firing_it, taken_back = Event(), Event()

    def fire_it():
        with transaction.atomic():
            ScheduledEvent.objects.select_for_update().get(entity_id=order_id)
            firing_it.set()
            assert taken_back.wait(30)

    def take_it_back():
        assert firing_it.wait(30)
        cancel_delivery_reminder(order_id=order_id)
        taken_back.set()

    assert at_once([fire_it, take_it_back]) == [None, None]
    cancel_delivery_reminder(order_id=order_id)
    assert ScheduledEvent.objects.get(entity_id=order_id).status == EventStatus.CANCELLED
