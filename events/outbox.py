"""What the relay asks of the outbox: what waits, what is published, how far behind we are."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from events.models import OutboxEvent

#: Held by the relay that is at work, for as long as its session lives.
LOCK = "events.relay"
_KEY = "hashtextextended(%s, 0)"


@dataclass(frozen=True)
class Lag:
    """How far the broker is behind the outbox."""

    waiting: int
    oldest_seconds: float  # the age of the oldest event that waits; 0 when none does
    oldest: str  # that event, in words; empty when none waits
    published_last_minute: int
    relay_at_work: bool


def waiting(limit: int, besides: Collection[UUID] = ()) -> list[OutboxEvent]:
    """The first unpublished events, oldest first, but for those of the orders in `besides`.

    Asked for by their mark and never by "after the last": a transaction that took its number early
    may commit late. Of each order it is an unbroken stretch, because its writers wait for each
    other at the order's counter.
    """
    rows = OutboxEvent.objects.filter(published_at__isnull=True)
    if besides:
        rows = rows.exclude(aggregateid__in=besides)
    return list(rows.order_by("seq")[:limit])


def mark_published(seqs: Sequence[int]) -> None:
    """Note what the broker has acknowledged."""
    if seqs:
        OutboxEvent.objects.filter(seq__in=seqs).update(published_at=Now())


def take_turn() -> bool:
    """Whether this session is the one that publishes; the lock goes with the session."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_lock({_KEY})", [LOCK])
        return bool(cursor.fetchone()[0])


def leave_turn() -> None:
    """Let another relay publish."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_unlock({_KEY})", [LOCK])


def lag() -> Lag:
    """How far behind we are, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH waits AS MATERIALIZED (
                SELECT seq, type, aggversion, aggregateid, created_at
                  FROM events_outboxevent WHERE published_at IS NULL
            ), first AS (SELECT * FROM waits ORDER BY created_at LIMIT 1)
            SELECT (SELECT count(*) FROM waits),
                   coalesce((SELECT extract(epoch FROM clock_timestamp() - created_at)
                               FROM first), 0)::float,
                   coalesce((SELECT format('%%s, version %%s of order %%s', type, aggversion,
                                           aggregateid) FROM first), ''),
                   (SELECT count(*) FROM events_outboxevent
                     WHERE published_at > clock_timestamp() - interval '1 minute'),
                   EXISTS (SELECT FROM pg_locks, hashtextextended(%s, 0) AS key
                            WHERE locktype = 'advisory' AND granted AND objsubid = 1
                              AND database = (SELECT oid FROM pg_database
                                               WHERE datname = current_database())
                              AND (classid::bigint << 32) | objid::bigint = key)
            """,
            [LOCK],
        )
        return Lag(*cursor.fetchone())


def prune(days: int, batch: int) -> int:
    """Delete up to `batch` events published more than `days` days ago; how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM events_outboxevent WHERE seq IN (
                SELECT seq FROM events_outboxevent
                 WHERE published_at < now() - make_interval(days => %s)
                 ORDER BY seq LIMIT %s)
            """,
            [days, batch],
        )
        return int(cursor.rowcount)
