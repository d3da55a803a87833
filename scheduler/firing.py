"""What is due fires: the event is marked and what follows is written in one transaction."""

from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from events.services import record
from sagas.engine.starting import enqueue_many
from scheduler.models import EventStatus, EventType


class Starts(NamedTuple):
    """A saga that the event starts; the entity is its order."""

    saga: str
    facts: dict[str, str]


class Tells(NamedTuple):
    """An event, in the outbox, about the order that the entity is."""

    type: str


#: What follows from each type. A run that comes too late is refused at its first step, and does no
#: more than mark its event IGNORED.
FOLLOWS: dict[EventType, Starts | Tells] = {
    EventType.ORDER_TIMEOUT: Starts(
        "cancel_order", {"by": "timeout", "reason": "Nobody accepted it in time."}
    ),
    EventType.PAYMENT_AUTHORIZATION_EXPIRY: Starts(
        "end_overdue", {"reason": "The card's promise was about to lapse."}
    ),
    EventType.DELIVERY_REMINDER: Tells("delivery.reminder_due"),
    EventType.ESCROW_TIMEOUT: Starts(
        "end_overdue", {"reason": "Its money was set aside for too long."}
    ),
}

# One statement claims and marks a whole batch. SKIP LOCKED lets any number of claimers work at
# once; the CTE is MATERIALIZED so that the limit is taken once, whatever the planner thinks.
_CLAIM = f"""
    WITH due AS MATERIALIZED (
        SELECT id FROM scheduler_scheduledevent
         WHERE status = '{EventStatus.PENDING}' AND due_at <= statement_timestamp()
         ORDER BY due_at LIMIT %(limit)s
           FOR UPDATE SKIP LOCKED
    )
    UPDATE scheduler_scheduledevent AS event
       SET status = '{EventStatus.FIRED}', fired_at = statement_timestamp()
      FROM due WHERE event.id = due.id
    RETURNING event_type, entity_id
"""

BATCH = 500


def fire_all_due() -> int:
    """Fire batch after batch, each its own transaction, until one comes back short; how many."""
    fired = 0
    while batch := fire_due(limit=BATCH):
        fired += batch
        if batch < BATCH:
            break
    return fired


@transaction.atomic
def fire_due(*, limit: int = BATCH) -> int:
    """Claim up to `limit` due events, oldest first, and do what follows from each; how many.

    Runs are inserted and not published: the sweep takes them up at its own pace, behind what
    somebody waits for.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"limit": limit})
        claimed = [(EventType(type_), entity_id) for type_, entity_id in cursor.fetchall()]
    runs: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    # In one order, so that two who fire at once don't wait for each other's runs crosswise.
    for type_, entity_id in sorted(claimed, key=lambda event: event[1]):
        match FOLLOWS[type_]:
            case Starts(saga, facts):
                runs.setdefault(saga, []).append((str(entity_id), {"order_id": entity_id, **facts}))
            case Tells(event):
                _tell(event, entity_id)
    for saga, wanted in runs.items():
        enqueue_many(saga, wanted)
    return len(claimed)


def _tell(event: str, order_id: UUID) -> None:
    record(type=event, order_id=order_id, data={"order_id": order_id})
