"""Events that never reached us are fetched from Stripe's own list."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from payments.breaker import StripeLine
from payments.gateway import list_events
from payments.stripe_events import Notice, Source, StripeEvent, store
from payments.webhooks import Endpoint, why_not_ours

log = logging.getLogger(__name__)

#: Stripe lists events of the last 30 days. https://docs.stripe.com/api/events/list
REACH = timedelta(days=30)
#: After a silence as long as this nobody can say whether webhooks reach us: everything is fetched.
GAP = timedelta(minutes=10)
#: Fetched twice, because an event may be listed a little later than it was made.
OVERLAP = timedelta(minutes=5)
PAGE = 100


def backfill() -> int:
    """Keep the events that Stripe could not deliver, and after a gap all since the last look; how
    many were new. Raises StripeUnavailable; then the next look starts where this one did."""
    now, seen_until, heard_at = _clock()
    since = max(now - REACH, (seen_until or now - REACH) - OVERLAP)
    gap = seen_until is None or now - seen_until > GAP or heard_at is None or now - heard_at > GAP
    new = 0
    for events in _pages(list_events(since if gap else now - REACH, undelivered=not gap)):
        notices = [Notice.of(event) for event in events]
        rows = [(notice, why_not_ours(notice, Endpoint.PLATFORM)) for notice in notices]
        new += store(rows, Source.BACKFILL)
    StripeLine.objects.update_or_create(id=1, defaults={"events_seen_until": now})
    if new:
        log.warning("%s events of Stripe's had not reached us", new)
    return new


def _clock() -> tuple[datetime, datetime | None, datetime | None]:
    """Now, until when events are known, and when Stripe last told us of one itself."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT now(), (SELECT events_seen_until FROM payments_stripeline WHERE id = 1),"
            f" (SELECT max(received_at) FROM {StripeEvent._meta.db_table} WHERE source = %s)",
            [Source.WEBHOOK],
        )
        now, seen_until, heard_at = cursor.fetchone()
    return now, seen_until, heard_at


def _pages(events: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    page: list[dict[str, Any]] = []
    for event in events:
        page.append(event)
        if len(page) == PAGE:
            yield page
            page = []
    yield page
