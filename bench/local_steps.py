"""Ten local steps: the engine in its three modes, a plain Celery chain, the database alone."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from bench.figures import Latency, Report, Speed
from bench.meter import Cost, metered
from bench.site import Site, solo, until
from bench.ten import BAD, GOOD, ended, has_ended, start_chain, start_run, write_alone

RIVAL = "plain Celery chain"
ALONE = 60


class Work(NamedTuple):
    """Something to start many times, and how many are seconds of work. `start(argument)` returns
    the token under which the rows are written."""

    start: Callable[[Any], str]
    argument: Any
    count: int


class Mode(NamedTuple):
    """A fast path of the engine, how many runs to measure, and what we are to reach with it:
    runs a second, the median of one alone in milliseconds, undone runs a second."""

    name: str
    meaning: str
    runs: int
    undone: int
    rate: float | None = None
    milliseconds: float | None = None
    undone_rate: float | None = None


CHAIN, BAD_CHAIN = Work(start_chain, GOOD, 100), Work(start_chain, BAD, 50)
MODES = (
    Mode("batch", "batch: one commit for all", 1000, 200, 400, 6, 150),
    Mode("step", "step: a commit a step, one task", 500, 100, 200, 12),
    Mode("off", "off: a message a step", 100, 40),
)
BARE = 2000


def local_steps(site: Site) -> list[Report]:
    """10 local steps in bulk and one at a time; then the same refused at step 7."""
    good = Report("Ten local steps", RIVAL)
    bad = Report("Refused at step 7, the six before it undone", RIVAL)
    modes = MODES[:1] if site.quick else MODES
    for mode in modes:
        with site.workers(*solo(), SAGA_FAST_PATH=mode.name):
            runs = Work(start_run, "bench_ten", mode.runs)
            _bulk(site, good, Speed(mode.meaning, mode.rate), runs, CHAIN)
            _one_at_a_time(site, good, Latency(mode.meaning, mode.milliseconds), runs, CHAIN)
            undone = Work(start_run, "bench_undo", mode.undone)
            _bulk(site, bad, Speed(mode.meaning, mode.undone_rate), undone, BAD_CHAIN)
            if mode is modes[-1]:
                _limits(site, good)
    return [good, bad]


def _limits(site: Site, report: Report) -> None:
    """What the database does when nobody hands work to anybody."""
    for commits in (1, 10):
        name = f"the database alone, {commits} commit{'s' * (commits > 1)}"
        bare = Work(write_alone, commits, BARE)
        _bulk(site, report, Speed(name), bare, CHAIN)
        _one_at_a_time(site, report, Latency(name), bare, CHAIN)


def _bulk(site: Site, report: Report, speed: Speed, ours: Work, theirs: Work) -> None:
    """As many as there are at once, started by all clients; in turn with the rival's, because
    what else the machine does changes from minute to minute."""
    rival = report.speed(RIVAL)
    for work in (theirs, ours):
        _many(site, work, max(4, site.size(work.count) // 10))  # the first are slow everywhere
    for _ in range(site.repetitions):
        rival.add(site.size(theirs.count), _many(site, theirs, site.size(theirs.count)))
        cost = _many(site, ours, site.size(ours.count))
        speed.add(site.size(ours.count), cost, beside=rival.rates[-1])
    report.speeds.append(speed)


def _many(site: Site, work: Work, count: int) -> Cost:
    wanted = ended() + count
    with metered() as cost:
        site.share(_start, count, work)
        until(lambda: ended() >= wanted, f"{count} to end")
    return cost


def _start(count: int, work: Work) -> None:
    for _ in range(count):
        work.start(work.argument)


def _one_at_a_time(site: Site, report: Report, latency: Latency, ours: Work, theirs: Work) -> None:
    """From before one is started until somebody else can see that it has ended; in turn too."""
    rival = report.latency(RIVAL)
    with metered() as cost:
        for _ in range(site.size(ALONE)):
            latency.beside.append(_seconds(theirs))
            latency.seconds.append(_seconds(ours))
    rival.seconds += latency.beside
    latency.others = cost.others
    rival.others = max(rival.others, cost.others)
    report.latencies.append(latency)


def _seconds(work: Work) -> float:
    began = time.perf_counter()
    token = work.start(work.argument)
    while not has_ended(token):
        time.sleep(0.0005)
    return time.perf_counter() - began
