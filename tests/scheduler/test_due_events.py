"""Due events: one per cause, fired once, by whoever comes first."""

from datetime import timedelta
from threading import Event

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTask

from campusg.ids import new_id
from scheduler import tasks
from scheduler.models import EventStatus, EventType, ScheduledEvent
from scheduler.services import cancel_order_timeout, fire_due, start_order_timeout
from tests.threads import at_once

A_MINUTE = timedelta(minutes=1)


def due_rows(count, ago=A_MINUTE):
    """Rows that came due `ago`, the first the oldest."""
    rows = ScheduledEvent.objects.bulk_create(
        ScheduledEvent(
            event_type=EventType.ORDER_TIMEOUT,
            entity_id=new_id(),
            due_at=Now() - ago + timedelta(milliseconds=index),
        )
        for index in range(count)
    )
    return [row.id for row in rows]


def fired(ids):
    return ScheduledEvent.objects.filter(id__in=ids, status=EventStatus.FIRED).count()


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
def test_what_is_due_fires_once_and_what_is_not_waits(django_assert_num_queries):
    due = due_rows(3)
    later = start_order_timeout(order_id=new_id())["timeout_event_id"]
    with django_assert_num_queries(1):
        fire_due()
    assert fired(due) == 3
    assert fired([later]) == 0
    when = ScheduledEvent.objects.get(id=due[0]).fired_at
    assert fire_due() == 0
    assert ScheduledEvent.objects.get(id=due[0]).fired_at == when


@pytest.mark.django_db
def test_the_oldest_fire_first_when_a_batch_is_full():
    ids = due_rows(5, ago=timedelta(days=400))
    assert fire_due(limit=2) == 2
    assert (fired(ids[:2]), fired(ids[2:])) == (2, 0)


@pytest.mark.django_db
def test_beats_task_goes_on_until_nothing_is_due(monkeypatch):
    monkeypatch.setattr(tasks, "BATCH", 10)
    ids = due_rows(25)
    tasks.fire_due_events()
    assert fired(ids) == 25


@pytest.mark.django_db
def test_beat_is_told_by_a_migration_to_fire_due_events_every_second():
    row = PeriodicTask.objects.get(task=tasks.fire_due_events.name)
    assert (row.interval.every, row.interval.period, row.expire_seconds) == (1, "seconds", 2)


@pytest.mark.race
def test_fifty_at_once_set_one_timer(committed_db):
    order_id = new_id()
    results = at_once([lambda: start_order_timeout(order_id=order_id)["timeout_event_id"]] * 50)
    assert len(set(results)) == 1
    assert ScheduledEvent.objects.get(entity_id=order_id).id == results[0]
    cancel_order_timeout(order_id=order_id)


@pytest.mark.race
def test_claimers_at_once_never_claim_the_same_event(committed_db):
    before = ScheduledEvent.objects.filter(status=EventStatus.FIRED).count()
    ids = due_rows(300)

    def claim_all():
        claimed = 0
        while batch := fire_due(limit=7):
            claimed += batch
        return claimed

    claimed = at_once([claim_all] * 4)
    after = ScheduledEvent.objects.filter(status=EventStatus.FIRED).count()
    assert fired(ids) == 300
    assert sum(claimed) == after - before


@pytest.mark.race
def test_a_claimer_passes_by_what_another_holds(committed_db):
    held, free = due_rows(2)
    locked, passed = Event(), Event()

    def hold_one():
        with transaction.atomic():
            ScheduledEvent.objects.select_for_update().get(id=held)
            locked.set()
            assert passed.wait(30)

    def claim():
        assert locked.wait(30)
        try:
            fire_due()
            return fired([held]), fired([free])
        finally:
            passed.set()

    assert at_once([hold_one, claim]) == [None, (0, 1)]
    fire_due()
    assert fired([held]) == 1
