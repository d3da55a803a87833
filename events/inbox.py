"""The inbox: an event and its effect commit together, so that the effect happens once."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, F, Max, Min, Q

from events.envelope import Event
from events.models import InboxEvent

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Consumer:
    """Who makes use of a topic's events. `name` is the group at the broker, and whose inbox it is.

    `handle` is given events that it has not had, each order's in order; one at a time when several
    at once have failed. It works in a transaction that is open already, and only in the database:
    it may be rolled back and called again. Whatever it raises is tried again, and ends as a dead
    letter.
    """

    name: str
    topic: str
    handle: Callable[[Sequence[Event]], object]


class Outcome(StrEnum):
    """What became of an event at a consumer."""

    HANDLED = "handled"
    DUPLICATE = "handled before"
    IGNORED = "ignored: a later event of its order was handled before it"


# What is there already stays, whether from an earlier delivery or from earlier in this batch.
_TAKE = """
    INSERT INTO events_inboxevent (consumer, event_id, order_id, version, type, ignored)
    SELECT %s, * FROM unnest(%s::uuid[], %s::uuid[], %s::int[], %s::text[], %s::boolean[])
    ON CONFLICT (event_id, consumer) DO NOTHING
    RETURNING event_id
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
def handle(consumer: Consumer, events: Sequence[Event], *, late: bool = False) -> list[Outcome]:
    """Let the consumer handle those of the events that it has not handled or gone past.

    With `late` an event counts that comes after its order's later ones: a person sent it again.
    Raises what `consumer.handle` raises; then nothing has happened.
    """
    seen = _seen(consumer, events)
    ignored = []
    for event in events:
        last = seen.get(event.order_id, 0)
        ignored.append(event.version <= last and not late)
        if event.version > last + 1:
            log.warning("%s: %s follows version %d, a gap.", consumer.name, _told(event), last)
        seen[event.order_id] = max(last, event.version)
    taken = set(_take(consumer, events, ignored))
    outcomes = []
    for event, is_ignored in zip(events, ignored, strict=True):
        if event.id not in taken:
            outcomes.append(Outcome.DUPLICATE)
            continue
        taken.remove(event.id)
        outcomes.append(Outcome.IGNORED if is_ignored else Outcome.HANDLED)
        if is_ignored:
            log.warning("%s: %s came too late, ignored.", consumer.name, _told(event))
    fresh = [
        event for event, outcome in zip(events, outcomes, strict=True) if outcome == Outcome.HANDLED
    ]
    if fresh:
        consumer.handle(fresh)
    return outcomes


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
    # Not counted from 1: the first rows of an old order have been let go.
    of_order = inbox.values("order_id").annotate(
        span=Max("version") - Min("version") + 1, count=Count("pk")
    )
    return Tally(**counts, gaps=of_order.exclude(span=F("count")).count())


def _seen(consumer: Consumer, events: Sequence[Event]) -> dict[UUID, int]:
    """Of each order the highest version that has come so far."""
    inbox = InboxEvent.objects.filter(
        consumer=consumer.name, order_id__in={event.order_id for event in events}
    )
    return dict(inbox.values_list("order_id").annotate(Max("version")))


def _take(consumer: Consumer, events: Sequence[Event], ignored: Sequence[bool]) -> list[UUID]:
    """Write their rows; those of the events that had none."""
    columns = zip(
        *(
            (event.id, event.order_id, event.version, event.type, is_ignored)
            for event, is_ignored in zip(events, ignored, strict=True)
        ),
        strict=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [consumer.name, *map(list, columns)])
        return [event_id for (event_id,) in cursor.fetchall()]


def _told(event: Event) -> str:
    return f"{event.type} v{event.version} of {event.order_id}"
