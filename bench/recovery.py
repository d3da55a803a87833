"""Every worker killed with 200 runs under way: how soon have all of them ended by themselves."""

from collections.abc import Callable

from celery import current_app
from django.db import connection

from bench.create_order import STRIPE_MS, campus, post_many, stripe_takes
from bench.figures import Latency, Report
from bench.meter import Cost, metered
from bench.site import Site, solo, threads, until
from bench.ten import start_run

RUNS = 200
#: The workers die when one in so many has ended: the others are queued, or in the middle.
ENDED_BEFORE = 10
DIE, COME_BACK = (*solo(1, "local"), threads(40)), threads(40, "local,remote")
_ENDED = "SELECT count(*) FROM sagas_run WHERE ended_at IS NOT NULL"


def recovery(site: Site) -> list[Report]:
    """Ten local steps, then create_order in the middle of its call; each with its messages
    left, and with the broker wiped."""
    report = Report(f"{site.size(RUNS)} runs, all workers killed, until the last has ended")
    _recover(site, report, "ten local steps", lambda: site.share(_start, site.size(RUNS)))
    posts = campus(site)
    stripe_takes(STRIPE_MS)
    with site.web() as port:
        name = f"create_order, Stripe answering after {STRIPE_MS} ms"
        _recover(site, report, name, lambda: site.share(post_many, site.size(RUNS), port, posts))
    return [report]


def _recover(site: Site, report: Report, name: str, begin: Callable[[], None]) -> None:
    for wiped in (True,) if site.quick else (False, True):
        latency = Latency(f"{name}, broker wiped" if wiped else name, target_p99=5_000)
        for _ in range(site.repetitions):
            cost = _once(site, begin, wiped=wiped)
            latency.seconds.append(cost.seconds)
            latency.others = max(latency.others, cost.others)
        report.latencies.append(latency)


def _once(site: Site, begin: Callable[[], None], *, wiped: bool) -> Cost:
    """From when one worker is back until the last run has ended."""
    runs, before = site.size(RUNS), _ended()
    begin()
    with site.workers(*DIE) as crew:
        until(lambda: _ended() >= before + runs // ENDED_BEFORE, "the first runs to end")
        crew.kill_all()
    if wiped:
        _wipe_broker()
    with site.workers(COME_BACK), metered() as cost:
        until(lambda: _ended() >= before + runs, "every run to end", within=300)
    return cost


def _start(count: int) -> None:
    for _ in range(count):
        start_run("bench_ten")


def _ended() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_ENDED)
        return int(cursor.fetchone()[0])


def _wipe_broker() -> None:
    with current_app.connection_or_acquire() as broker:
        broker.default_channel.client.flushall()
