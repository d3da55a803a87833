"""Due events are set, at most one of a type pending for an entity, and taken back."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from campusg.ids import new_id
from scheduler.errors import AlreadyScheduled, EventOver, UnknownEvent
from scheduler.models import EventStatus, EventType, ScheduledEvent

# The deadline is the database's sum, so that every process counts by one clock. Setting what is
# pending already leaves it as it is: the no-op update is there for RETURNING, which DO NOTHING
# would leave empty.
_ENSURE = f"""
    INSERT INTO scheduler_scheduledevent AS event
           (id, event_type, entity_id, due_at, payload, status)
    VALUES (%(id)s, %(event_type)s, %(entity_id)s,
            statement_timestamp() + make_interval(secs => %(seconds)s),
            '{{}}', '{EventStatus.PENDING}')
    ON CONFLICT (event_type, entity_id) WHERE status = '{EventStatus.PENDING}'
    DO UPDATE SET due_at = event.due_at
    RETURNING id
"""


class OrderTimeout(TypedDict):
    """The due event that ends an order which nobody has accepted in time."""

    timeout_event_id: UUID


def start_order_timeout(*, order_id: UUID) -> OrderTimeout:
    """Ensure one pending ORDER_TIMEOUT, due in `ORDER_TIMEOUT_SECONDS`; an earlier one stays."""
    event_id = _ensure(EventType.ORDER_TIMEOUT, order_id, settings.ORDER_TIMEOUT_SECONDS)
    return {"timeout_event_id": event_id}


def cancel_order_timeout(*, order_id: UUID) -> None:
    """Take back the pending ORDER_TIMEOUT; none pending is right too."""
    _cancel(order_id, EventType.ORDER_TIMEOUT)


def ignore_order_timeout(*, order_id: UUID) -> None:
    """The ORDER_TIMEOUT that has fired came too late: FIRED → IGNORED."""
    _ignore(order_id, EventType.ORDER_TIMEOUT)


def start_delivery_reminder(*, order_id: UUID) -> None:
    """Ensure one pending DELIVERY_REMINDER, due in `DELIVERY_REMINDER_SECONDS`."""
    _ensure(EventType.DELIVERY_REMINDER, order_id, settings.DELIVERY_REMINDER_SECONDS)


def cancel_delivery_reminder(*, order_id: UUID) -> None:
    """Take back the pending DELIVERY_REMINDER; none pending is right too."""
    _cancel(order_id, EventType.DELIVERY_REMINDER)


def start_authorization_expiry(*, order_id: UUID) -> None:
    """Ensure one PAYMENT_AUTHORIZATION_EXPIRY, due at once: the hold is about to lapse."""
    _ensure(EventType.PAYMENT_AUTHORIZATION_EXPIRY, order_id, 0)


def start_escrow_timeout(*, order_id: UUID, overdue: bool = False) -> None:
    """Ensure one pending ESCROW_TIMEOUT, due in `ESCROW_TIMEOUT_SECONDS`, or at once if overdue."""
    _ensure(EventType.ESCROW_TIMEOUT, order_id, 0 if overdue else settings.ESCROW_TIMEOUT_SECONDS)


def cancel_escrow_timeout(*, order_id: UUID) -> None:
    """Take back the pending ESCROW_TIMEOUT; none pending is right too."""
    _cancel(order_id, EventType.ESCROW_TIMEOUT)


def ignore_overdue(*, order_id: UUID) -> None:
    """The ESCROW_TIMEOUT or PAYMENT_AUTHORIZATION_EXPIRY that has fired came too late: IGNORED."""
    _ignore(order_id, EventType.ESCROW_TIMEOUT, EventType.PAYMENT_AUTHORIZATION_EXPIRY)


def cancel_timers(*, order_id: UUID) -> None:
    """Take back whatever is pending about the order: it ends."""
    _cancel(order_id, *EventType)


@transaction.atomic(savepoint=False)
def schedule(
    *,
    event_type: EventType,
    entity_id: UUID,
    due_at: datetime,
    payload: dict[str, Any] | None = None,
) -> ScheduledEvent:
    """Set a due event; setting the same again returns the one that is pending.

    Raises AlreadyScheduled when the pending one is due at another time.
    """
    wanted = ScheduledEvent(
        event_type=event_type, entity_id=entity_id, due_at=due_at, payload=payload or {}
    )
    ScheduledEvent.objects.bulk_create([wanted], ignore_conflicts=True)
    pending = ScheduledEvent.objects.filter(
        event_type=event_type, entity_id=entity_id, status=EventStatus.PENDING
    ).first()
    if pending is None or pending.due_at != due_at:
        raise AlreadyScheduled(f"A {event_type} of {entity_id} is pending at another time.")
    return pending


def cancel_event(*, event_id: UUID) -> ScheduledEvent:
    """PENDING → CANCELLED; a second time changes nothing. Raises UnknownEvent, EventOver."""
    pending = ScheduledEvent.objects.filter(id=event_id, status=EventStatus.PENDING)
    pending.update(status=EventStatus.CANCELLED, cancelled_at=Now())
    event = ScheduledEvent.objects.filter(id=event_id).first()
    if event is None:
        raise UnknownEvent("There is no such due event.")
    if event.status != EventStatus.CANCELLED:
        raise EventOver(f"The event is {event.status}.")
    return event


def without_order_timeout(order_ids: Iterable[UUID]) -> list[UUID]:
    """Those of the orders for which no ORDER_TIMEOUT is pending or has fired."""
    active = [EventStatus.PENDING, EventStatus.FIRED]
    return _without(EventType.ORDER_TIMEOUT, order_ids, active)


def without_authorization_expiry(order_ids: Iterable[UUID]) -> list[UUID]:
    """Those of the orders whose PAYMENT_AUTHORIZATION_EXPIRY was never set, or was ignored."""
    return _without(EventType.PAYMENT_AUTHORIZATION_EXPIRY, order_ids, _DECIDED)


def without_escrow_timeout(order_ids: Iterable[UUID]) -> list[UUID]:
    """Those of the orders whose ESCROW_TIMEOUT was never set, or was ignored."""
    return _without(EventType.ESCROW_TIMEOUT, order_ids, _DECIDED)


#: It will happen, has happened, or somebody has taken it back and meant it.
_DECIDED = [EventStatus.PENDING, EventStatus.FIRED, EventStatus.CANCELLED]


def _without(
    event_type: EventType, order_ids: Iterable[UUID], statuses: list[EventStatus]
) -> list[UUID]:
    wanted = list(order_ids)
    if not wanted:
        return []
    known = ScheduledEvent.objects.filter(
        event_type=event_type, entity_id__in=wanted, status__in=statuses
    ).values_list("entity_id", flat=True)
    return sorted(set(wanted).difference(known))


def _ensure(event_type: EventType, entity_id: UUID, seconds: float) -> UUID:
    with connection.cursor() as cursor:
        cursor.execute(
            _ENSURE,
            {
                "id": new_id(),
                "event_type": event_type.value,
                "entity_id": entity_id,
                "seconds": seconds,
            },
        )
        event_id: UUID = cursor.fetchone()[0]
    return event_id


@transaction.atomic(savepoint=False)
def _cancel(entity_id: UUID, *types: EventType) -> None:
    """Passes by one that is firing just now: it is too late to take it back, and whoever fires it
    may be waiting for the very transaction that this is part of."""
    pending = ScheduledEvent.objects.select_for_update(skip_locked=True).filter(
        event_type__in=types, entity_id=entity_id, status=EventStatus.PENDING
    )
    ScheduledEvent.objects.filter(id__in=pending.values("id")).update(
        status=EventStatus.CANCELLED, cancelled_at=Now()
    )


def _ignore(entity_id: UUID, *types: EventType) -> None:
    ScheduledEvent.objects.filter(
        event_type__in=types, entity_id=entity_id, status=EventStatus.FIRED
    ).update(status=EventStatus.IGNORED)
