"""What is due fires once, by whoever comes first, and something follows from it."""

from datetime import timedelta
from threading import Event

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTask

from campusg.ids import new_id
from events.models import OutboxEvent
from sagas.models import Run
from scheduler import firing, tasks
from scheduler.models import EventStatus, EventType, ScheduledEvent
from scheduler.services import (
    cancel_delivery_reminder,
    fire_due,
    ignore_order_timeout,
    start_delivery_reminder,
    start_order_timeout,
)
from tests.threads import at_once

A_MINUTE = timedelta(minutes=1)


def due_rows(count, ago=A_MINUTE, event_type=EventType.DELIVERY_REMINDER):
    """Rows that came due `ago`, the first the oldest."""
    rows = ScheduledEvent.objects.bulk_create(
        ScheduledEvent(
            event_type=event_type,
            entity_id=new_id(),
            due_at=Now() - ago + timedelta(milliseconds=index),
        )
        for index in range(count)
    )
    return [row.id for row in rows]


def fired(ids):
    return ScheduledEvent.objects.filter(id__in=ids, status=EventStatus.FIRED).count()


@pytest.mark.django_db
def test_what_is_due_fires_once_and_what_is_not_waits():
    due = due_rows(3)
    later = start_order_timeout(order_id=new_id())["timeout_event_id"]
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
    monkeypatch.setattr(firing, "BATCH", 10)
    ids = due_rows(25)
    tasks.fire_due_events()
    assert fired(ids) == 25


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("event_type", "saga", "given"),
    [
        (EventType.ORDER_TIMEOUT, "cancel_order", {"order_id", "by", "reason"}),
        (EventType.PAYMENT_AUTHORIZATION_EXPIRY, "end_overdue", {"order_id", "reason"}),
        (EventType.ESCROW_TIMEOUT, "end_overdue", {"order_id", "reason"}),
    ],
)
def test_orders_that_ran_out_of_time_are_ended_however_many_in_few_statements(
    event_type, saga, given, django_assert_max_num_queries
):
    ids = due_rows(40, event_type=event_type)
    with django_assert_max_num_queries(6):
        fire_due()
    orders = ScheduledEvent.objects.filter(id__in=ids).values_list("entity_id", flat=True)
    runs = Run.objects.filter(saga=saga, key__in=map(str, orders))
    assert runs.count() == 40
    assert all(set(run.facts) == given for run in runs)
    assert all(run.facts["order_id"] == run.key and run.wake_at for run in runs)
    assert all(run.background for run in runs)


@pytest.mark.django_db
def test_what_only_has_to_be_known_is_told():
    (event_id,) = due_rows(1, event_type=EventType.DELIVERY_REMINDER)
    fire_due()
    order_id = ScheduledEvent.objects.get(id=event_id).entity_id
    assert OutboxEvent.objects.get(aggregateid=order_id).type == "delivery.reminder_due"


def test_something_follows_from_each_type():
    assert set(firing.FOLLOWS) == set(EventType)


@pytest.mark.django_db
def test_what_follows_and_the_mark_that_it_fired_are_one(monkeypatch):
    (event_id,) = due_rows(1, event_type=EventType.ORDER_TIMEOUT)

    def die(*_):
        raise RuntimeError("killed between the two")

    monkeypatch.setattr(firing, "enqueue_many", die)
    with pytest.raises(RuntimeError), transaction.atomic():
        fire_due()
    assert ScheduledEvent.objects.get(id=event_id).status == EventStatus.PENDING


@pytest.mark.django_db
def test_a_timeout_that_came_too_late_is_ignored_and_can_be_set_anew(settings):
    settings.ORDER_TIMEOUT_SECONDS = -60
    order_id = new_id()
    late = start_order_timeout(order_id=order_id)["timeout_event_id"]
    ignore_order_timeout(order_id=order_id)
    assert ScheduledEvent.objects.get(id=late).status == EventStatus.PENDING
    fire_due()
    ignore_order_timeout(order_id=order_id)
    assert ScheduledEvent.objects.get(id=late).status == EventStatus.IGNORED
    assert start_order_timeout(order_id=order_id)["timeout_event_id"] != late


@pytest.mark.django_db
def test_a_slow_delivery_is_told_of_unless_it_ends_in_time(settings):
    settings.DELIVERY_REMINDER_SECONDS = -60
    slow, quick = new_id(), new_id()
    for order_id in (slow, slow, quick):
        start_delivery_reminder(order_id=order_id)
    cancel_delivery_reminder(order_id=quick)
    fire_due()
    told = OutboxEvent.objects.filter(aggregateid__in=[slow, quick])
    assert list(told.values_list("aggregateid", "type")) == [(slow, "delivery.reminder_due")]


@pytest.mark.django_db
def test_beat_is_told_by_a_migration_to_fire_due_events_every_second():
    row = PeriodicTask.objects.get(task=tasks.fire_due_events.name)
    assert (row.interval.every, row.interval.period, row.expire_seconds) == (1, "seconds", 2)


@pytest.mark.fault(28)
@pytest.mark.race
def test_claimers_at_once_never_claim_the_same_event(no_worker):
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


@pytest.mark.fault(28)
@pytest.mark.race
def test_a_claimer_passes_by_what_another_holds(no_worker):
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
