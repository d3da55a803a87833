"""What a stretch of time cost: seconds, CPU of ours and of others, commits in the WAL."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

_TICK = os.sysconf("SC_CLK_TCK")
_CORES = os.cpu_count() or 1

# Read from the log itself: the counters in pg_stat_database lag by up to ten seconds.
_COMMITS = """
SELECT coalesce(sum(count), 0) FROM pg_get_wal_stats(%s::pg_lsn, %s::pg_lsn, true)
WHERE "resource_manager/record_type" = 'Transaction/COMMIT'
"""


@dataclass
class Cost:
    """Filled in when the block ends. `others` is a share of the whole machine, in percent."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    others: float = 0.0
    commits: int = 0


@contextmanager
def metered() -> Iterator[Cost]:
    """Measure the block: all of our processes, servers included, and everybody else's."""
    cost = Cost()
    log, busy, ours, began = _wal(), _busy(), _ours(), time.perf_counter()
    yield cost
    cost.seconds = time.perf_counter() - began
    cost.cpu_seconds = _ours() - ours
    foreign = _busy() - busy - cost.cpu_seconds
    cost.others = min(100.0, 100 * max(0.0, foreign) / (cost.seconds * _CORES))
    cost.commits = _commits(log, _wal())


def _wal() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_flush_lsn()")
        return str(cursor.fetchone()[0])


def _commits(since: str, until: str) -> int:
    if since == until:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_COMMITS, [since, until])
        return int(cursor.fetchone()[0])


def _busy() -> float:
    """CPU seconds that the machine has worked: user, nice, system, irq, softirq, stolen."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / _TICK


def _ours() -> float:
    """CPU seconds of this process and all that descend from it, the ended ones included."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The second field is the program's name in brackets, which may hold anything.
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(stat.parent.name)
        parents[pid] = int(fields[1])
        ticks[pid] = sum(map(int, fields[11:15]))
    return sum(ticks[pid] for pid in ticks if _descends(pid, parents)) / _TICK


def _descends(pid: int, parents: dict[int, int]) -> bool:
    while pid > 1 and pid != os.getpid():
        pid = parents.get(pid, 0)
    return pid == os.getpid()
