"""The inbox: an event and its effect commit together, so that the effect happens once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from django.db import connection, transaction
from django.db.models import Count, F, Max, Q

from events.envelope import Event
from events.models import InboxEvent

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Consumer:
    """Who makes use of a topic's events. `name` is the group at the broker, and whose inbox it is.

    `handle` works in a transaction that is open already, and only in the database: it may be
    rolled back and called again. Whatever it raises is tried again, and ends as a dead letter.
    """

    name: str
    topic: str
    handle: Callable[[Event], object]


class Outcome(StrEnum):
    """What became of an event at a consumer."""

    HANDLED = "handled"
    DUPLICATE = "handled before"
    IGNORED = "ignored: a later event of its order was handled before it"


# One statement: the highest version seen so far, the row unless it is there, what it was.
_TAKE = """
    WITH seen AS (
        SELECT coalesce(max(version), 0) AS version FROM events_inboxevent
         WHERE order_id = %(order_id)s AND consumer = %(consumer)s
    )
    INSERT INTO events_inboxevent (consumer, event_id, order_id, version, type, ignored)
    SELECT %(consumer)s, %(event_id)s, %(order_id)s, %(version)s, %(type)s,
           NOT %(late)s AND seen.version >= %(version)s FROM seen
    ON CONFLICT (event_id, consumer) DO NOTHING
    RETURNING ignored, (SELECT version FROM seen)
"""


def prune(days: int, batch: int) -> int:
    """Delete up to `batch` rows of events that were handled more than `days` days ago and that the
    outbox has let go; how many. The latest of each order stays: it tells what comes too late."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM events_inboxevent WHERE id IN (
                SELECT old.id FROM events_inboxevent old
                 WHERE old.handled_at < now() - make_interval(days => %s)
                   AND NOT EXISTS (SELECT FROM events_outboxevent e WHERE e.id = old.event_id)
                   AND EXISTS (SELECT FROM events_inboxevent later
                                WHERE later.order_id = old.order_id
                                  AND later.consumer = old.consumer
                                  AND later.version > old.version)
                 ORDER BY old.id LIMIT %s)
            """,
            [days, batch],
        )
        return int(cursor.rowcount)


@transaction.atomic(savepoint=False)
def handle(consumer: Consumer, event: Event, *, late: bool = False) -> Outcome:
    """Let the consumer handle an event, unless it has or has gone past it.

    With `late` an event counts that comes after its order's later ones: a person sent it again.
    Raises what `consumer.handle` raises; then nothing has happened.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {
                "consumer": consumer.name,
                "event_id": event.id,
                "order_id": event.order_id,
                "version": event.version,
                "type": event.type,
                "late": late,
            },
        )
        row = cursor.fetchone()
    if row is None:
        return Outcome.DUPLICATE
    ignored, seen = row
    if ignored:
        log.warning("%s: %s came after version %d, ignored.", consumer.name, _told(event), seen)
        return Outcome.IGNORED
    if event.version > seen + 1:
        log.warning("%s: %s follows version %d, a gap.", consumer.name, _told(event), seen)
    consumer.handle(event)
    return Outcome.HANDLED


@dataclass(frozen=True)
class Tally:
    """What stands in a consumer's inbox; `gaps` counts the orders of which a version is missing."""

    handled: int
    ignored: int
    gaps: int


def tally(consumer: str) -> Tally:
    """Count a consumer's inbox. It reads all of it."""
    inbox = InboxEvent.objects.filter(consumer=consumer)
    counts = inbox.aggregate(
        handled=Count("pk", filter=Q(ignored=False)), ignored=Count("pk", filter=Q(ignored=True))
    )
    of_order = inbox.values("order_id").annotate(last=Max("version"), count=Count("pk"))
    return Tally(**counts, gaps=of_order.exclude(last=F("count")).count())


def _told(event: Event) -> str:
    return f"{event.type} v{event.version} of {event.order_id}"
