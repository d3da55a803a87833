"""Ten local steps: the engine in its three modes, a plain Celery chain, the database alone."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from bench.figures import Latency, Report, Speed
from bench.meter import metered
from bench.site import Site, solo, until
from bench.ten import (
    BAD,
    GOOD,
    ended,
    has_ended,
    start_chain,
    start_run,
    write_alone,
)

RIVAL = "plain Celery chain"
#: Long enough, at a few hundred a second, that starting and stopping do not count.
MANY, FEW, ALONE = 2000, 400, 150


class Mode(NamedTuple):
    """A fast path of the engine, how many runs to measure, and what we are to reach with it:
    runs a second, the median of one alone in milliseconds, undone runs a second."""

    name: str
    meaning: str
    count: int
    rate: float | None = None
    milliseconds: float | None = None
    undone: float | None = None


MODES = (
    Mode("batch", "batch: one commit for all", MANY, 400, 6, 150),
    Mode("step", "step: a commit a step, one task", MANY // 2, 200, 12),
    Mode("off", "off: a message a step", FEW // 2),
)


def local_steps(site: Site) -> list[Report]:
    """10 local steps in bulk and one at a time; then the same refused at step 7."""
    good = Report("Ten local steps", RIVAL)
    bad = Report("Refused at step 7, the six before it undone", RIVAL)
    for mode in MODES[:1] if site.quick else MODES:
        with site.workers(*solo(), SAGA_FAST_PATH=mode.name):
            if not good.speeds:  # plain tasks don't know of modes: once, on the same workers
                good.add(*_both(site, RIVAL, start_chain, GOOD, FEW))
                bad.speeds.append(_bulk(site, RIVAL, start_chain, BAD, FEW))
            speed, latency = _both(site, mode.meaning, start_run, "bench_ten", mode.count)
            undone = _bulk(site, mode.meaning, start_run, "bench_undo", FEW)
        speed.target, latency.target, undone.target = mode.rate, mode.milliseconds, mode.undone
        good.add(speed, latency)
        bad.speeds.append(undone)
    for commits in (1, 10):
        name = f"the database alone, {commits} commit{'s' * (commits > 1)}"
        good.add(*_both(site, name, write_alone, commits, MANY))
    return [good, bad]


def _both(
    site: Site, name: str, start: Callable[[Any], str], argument: Any, count: int
) -> tuple[Speed, Latency]:
    return _bulk(site, name, start, argument, count), _alone(site, name, start, argument)


def _bulk(site: Site, name: str, start: Callable[[Any], str], argument: Any, count: int) -> Speed:
    """As many as `count` started at once by all clients, until the last has ended."""
    speed, count = Speed(name), site.size(count)
    _many(site, start, argument, max(4, count // 10))  # the first are slow everywhere
    for _ in range(site.repetitions):
        with metered() as cost:
            _many(site, start, argument, count)
        speed.add(count, cost)
    return speed


def _many(site: Site, start: Callable[[Any], str], argument: Any, count: int) -> None:
    wanted = ended() + count
    site.share(_start, count, start, argument)
    until(lambda: ended() >= wanted, f"{count} to end")


def _start(count: int, start: Callable[[Any], str], argument: Any) -> None:
    for _ in range(count):
        start(argument)


def _alone(site: Site, name: str, start: Callable[[Any], str], argument: Any) -> Latency:
    """One at a time, from before it is started until somebody else can see that it has ended."""
    latency = Latency(name)
    with metered() as cost:
        for _ in range(site.size(ALONE)):
            began = time.perf_counter()
            token = start(argument)
            while not has_ended(token):
                time.sleep(0.0005)
            latency.milliseconds.append(1000 * (time.perf_counter() - began))
    latency.others = cost.others
    return latency
