"""The front door of the scheduler: set a due event, take it back, fire what is due."""

from collections.abc import Iterable
from typing import TypedDict
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from campusg.ids import new_id
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

# One statement claims and marks a whole batch. SKIP LOCKED lets any number of claimers work at
# once; the CTE is MATERIALIZED so that the limit is taken once, whatever the planner thinks.
_FIRE = f"""
    WITH due AS MATERIALIZED (
        SELECT id FROM scheduler_scheduledevent
         WHERE status = '{EventStatus.PENDING}' AND due_at <= statement_timestamp()
         ORDER BY due_at LIMIT %(limit)s
           FOR UPDATE SKIP LOCKED
    )
    UPDATE scheduler_scheduledevent AS event
       SET status = '{EventStatus.FIRED}', fired_at = statement_timestamp()
      FROM due WHERE event.id = due.id
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
    ScheduledEvent.objects.filter(
        event_type=EventType.ORDER_TIMEOUT, entity_id=order_id, status=EventStatus.PENDING
    ).update(status=EventStatus.CANCELLED, cancelled_at=Now())


def without_order_timeout(order_ids: Iterable[UUID]) -> list[UUID]:
    """Those of the orders for which no ORDER_TIMEOUT is pending or has fired."""
    wanted = list(order_ids)
    known = ScheduledEvent.objects.filter(
        event_type=EventType.ORDER_TIMEOUT,
        entity_id__in=wanted,
        status__in=[EventStatus.PENDING, EventStatus.FIRED],
    ).values_list("entity_id", flat=True)
    return sorted(set(wanted).difference(known))


def fire_due(*, limit: int = 500) -> int:
    """Claim up to `limit` due events, oldest first, and mark them fired; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRE, {"limit": limit})
        fired: int = cursor.rowcount
    return fired


def _ensure(event_type: EventType, entity_id: UUID, seconds: int) -> UUID:
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
