"""Due events: how many fire a second, how late, and how new orders fare beside thousands of
timed-out ones."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from bench.create_order import STRIPE_MS, WORKERS, Post, bulk, campus, steadily, stripe_takes
from bench.figures import Latency, Report, Speed
from bench.meter import metered
from bench.site import Site, until

AT_ONCE = 100_000
PER_SECOND, SECONDS = 100, 20
TIMED_OUT = 20_000
#: So many of the timed-out orders were made by HTTP, their money is held, and cancelling them
#: calls Stripe. Theirs are the first to begin; more than will have begun when we have measured.
REAL = 800

# Nobody knows the orders of these: their runs are refused at the first step. One statement, so
# that all are there at the same moment, due one after the other from then on, so many a second.
_SCHEDULE = """
INSERT INTO scheduler_scheduledevent (id, event_type, entity_id, due_at, payload, status)
SELECT gen_random_uuid(), 'ORDER_TIMEOUT', gen_random_uuid(),
       clock_timestamp() + make_interval(secs => number / %s), '{}', 'PENDING'
FROM generate_series(1, %s) AS number
"""
_AT_ONCE = 1e9
_ALL_DUE = "UPDATE scheduler_scheduledevent SET due_at = now() WHERE status = 'PENDING'"
# Ours, that is; those of the new orders are due in half an hour.
_PENDING = """
SELECT count(*) FROM scheduler_scheduledevent
WHERE status = 'PENDING' AND due_at < now() + interval '5 minutes'
"""
_RUNS = "SELECT count(*) FROM sagas_run WHERE saga = 'cancel_order'"
_BEGUN = _RUNS + " AND position <> 1"
_LATEST = """
SELECT extract(epoch FROM fired_at - due_at) FROM scheduler_scheduledevent
WHERE status <> 'PENDING' ORDER BY due_at DESC LIMIT %s
"""


def scheduler(site: Site) -> list[Report]:
    """New orders beside timed-out ones; many events due at once; so many a second."""
    posts = campus(site)
    with site.workers(*WORKERS), site.web() as port:
        orders = _orders(site, port, posts)
        due = Report("Due events", speeds=[_at_once(site)], latencies=[_steadily(site)])
    return [due, orders]


def _at_once(site: Site) -> Speed:
    speed = Speed("due at once, until all have fired and their runs are there", target=5_000)
    count = site.size(AT_ONCE)
    for _ in range(site.repetitions):
        wanted = _count(_RUNS) + count
        with metered() as cost:
            _do(_SCHEDULE, _AT_ONCE, count)
            # Counting what is left costs more than firing some of it: ask seldom.
            until(_all_fired, f"{count} events to fire", within=300, every=0.1)
        if _count(_RUNS) != wanted:
            raise AssertionError("an event has fired, and the run that it starts is not there")
        speed.add(count, cost)
    return speed


def _steadily(site: Site) -> Latency:
    late = Latency(f"from due to fired, at {PER_SECOND} a second", target_p99=2_000)
    count = site.size(PER_SECOND * SECONDS)
    with metered() as cost:
        _do(_SCHEDULE, PER_SECOND, count)
        until(_all_fired, "every event to fire", every=0.1)
    late.seconds = [float(seconds) for (seconds,) in _do(_LATEST, count)]
    late.others = cost.others
    return late


def _orders(site: Site, port: int, posts: Sequence[Post]) -> Report:
    """New orders alone, and when thousands before them have just timed out."""
    timed_out, real = site.size(TIMED_OUT), site.size(REAL)
    report = Report(f"New orders, {timed_out} others just timed out", "idle")
    stripe_takes(0)
    bulk(site, port, posts, real)
    stripe_takes(STRIPE_MS)
    idle = steadily(site, port, posts)
    _do(_ALL_DUE)
    _do(_SCHEDULE, _AT_ONCE, timed_out - real)
    until(_all_fired, "the orders to time out")
    begun = _count(_BEGUN)
    beside = steadily(site, port, posts)
    begun = _count(_BEGUN) - begun
    for before, now in zip(idle, beside, strict=True):
        now.name += f", {begun} of them begun meanwhile"
        now.beside = before.seconds
        now.target_p95 = 2 * before.percentile(95)
    report.latencies += [*idle, *beside]
    return report


def _all_fired() -> bool:
    return _count(_PENDING) == 0


def _count(query: str) -> int:
    return int(_do(query)[0][0])


def _do(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []
