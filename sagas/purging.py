"""Old rows go: in batches, each table by a setting of its own; never what is live, nor money."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from celery import shared_task
from django.conf import settings
from django.db import connection

from campusg.api import idempotency
from events import inbox, outbox
from payments import stripe_events
from sagas.models import LIVE

BATCH = 5_000


@dataclass(frozen=True)
class Purge:
    """One kind of row: how long it is kept, in days, and what deletes a batch of older ones."""

    name: str
    days: int
    delete: Callable[[int, int], int]


def purges() -> tuple[Purge, ...]:
    """What goes, in an order in which nothing is missed by what is still there: an inbox row only
    once the outbox has let its event go."""
    return (
        Purge("runs", settings.RUNS_KEEP_DAYS, delete_runs),
        Purge("outbox", settings.EVENTS_KEEP_DAYS, outbox.prune),
        Purge("inbox", settings.EVENTS_KEEP_DAYS, inbox.prune),
        Purge("Stripe's events", settings.STRIPE_EVENTS_KEEP_DAYS, stripe_events.prune),
        Purge("idempotency keys", idempotency.KEPT_HOURS // 24, _delete_keys),
    )


def purge_all() -> Iterator[tuple[Purge, int]]:
    """Delete what is old enough; for each kind of row how many were."""
    for one in purges():
        gone = found = one.delete(one.days, BATCH)
        while found == BATCH:
            found = one.delete(one.days, BATCH)
            gone += found
        yield one, gone


@shared_task(name="sagas.purge")
def purge() -> None:
    """Nightly."""
    for _ in purge_all():
        pass


def delete_runs(days: int, batch: int) -> int:
    """Delete up to `batch` runs that ended more than `days` days ago, with their timelines; how
    many. Where another run about the same order is still live all of them stay."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH old AS (
                SELECT id FROM sagas_run r
                 WHERE r.ended_at < now() - make_interval(days => %s)
                   AND NOT EXISTS (SELECT FROM sagas_run l
                                    WHERE l.status = ANY(%s)
                                      AND split_part(l.key, ':', 1) = split_part(r.key, ':', 1))
                 ORDER BY r.ended_at LIMIT %s FOR UPDATE SKIP LOCKED),
            lines AS (DELETE FROM sagas_steplog WHERE run_id IN (SELECT id FROM old))
            DELETE FROM sagas_run WHERE id IN (SELECT id FROM old)
            """,
            [days, list(map(str, LIVE)), batch],
        )
        return int(cursor.rowcount)


def _delete_keys(_days: int, batch: int) -> int:
    """Keys know their own time: clients were told it."""
    return idempotency.purge(batch)
