"""Events: outbox → Kafka → inbox, how far behind, how fast a backlog goes, an outage's price."""

import signal
import threading
import time
from uuid import UUID

from django.db import connection, transaction

from bench.create_order import WORKERS, bulk, campus, steadily, stripe_takes
from bench.figures import Latency, Report, Speed
from bench.meter import metered
from bench.site import Site, until
from campusg.ids import new_id
from devstack.errors import StackError
from events.services import record

PER_SECOND, SECONDS = 200, 10
BACKLOG, LENGTH = 36_000, 7  # events, and how many of them are of one order
OUTAGE, AROUND = 2_000, 500  # orders while the broker is away, and before and after
STRIPE_MS = 50
#: Nobody is told of it: what is measured is the way there.
TYPE = "escrow.held"

_PLANT = """
WITH new AS (
    SELECT gen_random_uuid() AS id, least(%(length)s, %(count)s - number * %(length)s) AS length
      FROM generate_series(0, (%(count)s - 1) / %(length)s) AS number
), counted AS (
    INSERT INTO events_stream (aggregatetype, aggregateid, version)
    SELECT 'order', id, length FROM new
)
INSERT INTO events_outboxevent (id, aggregatetype, aggregateid, aggversion, type, payload)
SELECT gen_random_uuid(), 'order', id, version, %(type)s, %(data)s::jsonb
  FROM new, generate_series(1, length) AS version ORDER BY version, id
"""
#: An order whose events are not all in the inbox, each once and in order.
_WRONG = """
SELECT count(*) FROM (
    SELECT o.aggregateid, count(DISTINCT o.id) AS told, count(i.id) AS handled,
           count(*) FILTER (WHERE i.ignored) AS ignored
      FROM events_outboxevent o
      LEFT JOIN events_inboxevent i ON i.event_id = o.id AND i.consumer = 'notifications'
     GROUP BY o.aggregateid) each
 WHERE told <> handled OR ignored > 0
"""


def events(site: Site) -> list[Report]:
    """The way of an event, then orders while the broker is away."""
    way = Report("Events, outbox to inbox")
    outage = Report("Orders while the broker is away", "before")
    posts = campus(site)
    stripe_takes(STRIPE_MS)
    with site.events():
        _all_told()  # what benchmarks before this one left
        _behind(site, way)
        _backlog(site, way)
        with site.workers(*WORKERS), site.web() as port:
            bulk(site, port, posts, site.size(100))
            before = steadily(site, port, posts, AROUND)
            _all_told()
            site.stack.kill("kafka", signal.SIGTERM)
            during = steadily(site, port, posts, OUTAGE)
            waiting = _count("events_outboxevent WHERE published_at IS NULL")
            with metered() as cost:
                site.stack.restart("kafka")
                _all_told()
            after = steadily(site, port, posts, AROUND)
        _all_told()
    for rows in zip(before, during, after, strict=True):
        for when, row in zip(("before", "while it is away", "after"), rows, strict=True):
            row.name += f", {when}"
            row.beside = [] if when == "before" else rows[0].seconds
            outage.latencies.append(row)
    drained = Speed("what the outage left, from the broker's start until people are told")
    drained.add(waiting, cost)
    outage.speeds.append(drained)
    if wrong := _scalar(_WRONG):
        raise StackError(f"{wrong} orders' events were not handled each once and in order.")
    return [way, outage]


def _behind(site: Site, report: Report) -> None:
    """From the commit of each event until another sees that it was handled."""
    lag = Latency(f"recorded until handled, at {PER_SECOND} a second", target_p99=1000)
    recorded: dict[UUID, float] = {}
    count = site.size(PER_SECOND * SECONDS)

    def write() -> None:
        start = time.perf_counter()
        for number in range(count):
            time.sleep(max(0.0, start + number / PER_SECOND - time.perf_counter()))
            with transaction.atomic():
                event = record(type=TYPE, order_id=new_id(), data={"order": number})
            recorded[event.id] = time.perf_counter()
        connection.close()

    def all_seen() -> bool:
        for event_id in _handled_of(list(recorded)):
            lag.seconds.append(time.perf_counter() - recorded.pop(event_id))
        return len(lag.seconds) == count

    writer = threading.Thread(target=write)
    with metered() as cost:
        writer.start()
        until(all_seen, f"{count} events to be handled", every=0.01)
    writer.join()
    lag.others = cost.others
    report.latencies.append(lag)


def _backlog(site: Site, report: Report) -> None:
    """From the commit of all of them at once."""
    count = site.size(BACKLOG)
    published = Speed(f"a backlog of {count} published")
    handled = Speed(f"a backlog of {count} handled", target=BACKLOG / 60)
    with connection.cursor() as cursor:
        cursor.execute(_PLANT, {"count": count, "length": LENGTH, "type": TYPE, "data": "{}"})
    with metered() as until_handled:
        with metered() as until_published:
            until(_nothing_waits, "the backlog to be published", within=600, every=0.05)
        _all_told()
    published.add(count, until_published)
    handled.add(count, until_handled)
    report.speeds += [published, handled]


def _nothing_waits() -> bool:
    return not _scalar("SELECT EXISTS (SELECT FROM events_outboxevent WHERE published_at IS NULL)")


def _all_told() -> None:
    """Return when everything that was recorded is in the inbox."""
    events = _count("events_outboxevent")
    until(lambda: _count("events_inboxevent") >= events, "the inbox", within=600, every=0.05)


def _handled_of(event_ids: list[UUID]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_id FROM events_inboxevent WHERE event_id = ANY(%s::uuid[])", [event_ids]
        )
        return [row[0] for row in cursor.fetchall()]


def _count(table: str) -> int:
    return int(_scalar(f"SELECT count(*) FROM {table}"))


def _scalar(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])
