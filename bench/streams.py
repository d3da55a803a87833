"""`python -m bench.streams [N]`: N live streams on one process: idle, then told all at once.

Prints what they cost in memory, threads and database connections, and how late each was told.
"""

import asyncio
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from bench.site import FOLDER, open_site
from devstack.errors import StackError
from devstack.foreground import until_told_to_stop

COUNT = 2000
AT_ONCE = 50  # streams being opened at the same time
QUIET_SECONDS = 20.0
ROUNDS = 5
LIMITS = {"STREAMS_PER_ACCOUNT": "100000", "STREAMS_PER_PROCESS": "100000"}


def main() -> int:
    """Measure; 0, or 2 when the servers would not run."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    os.environ |= LIMITS
    try:
        with until_told_to_stop(), open_site(quick=False) as site, site.web(workers=1) as port:
            asyncio.run(measure(port, *an_order(), count))
    except StackError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def an_order() -> tuple[UUID, str]:
    """An order, and a token of its customer's that outlives the measurement."""
    from rest_framework_simplejwt.tokens import AccessToken

    from tests import factories

    order = factories.an_order()
    token = AccessToken.for_user(order.customer)
    token.set_exp(lifetime=timedelta(hours=1))
    return order.id, str(token)


async def measure(port: int, order_id: UUID, token: str, count: int) -> None:
    """Open them, look while they are idle, and tell them all something a few times."""
    pid = serving(port)
    await asyncio.to_thread(show, "before", pid)
    began = time.perf_counter()
    gate = asyncio.Semaphore(AT_ONCE)
    streams = await asyncio.gather(*(opened(gate, port, order_id, token) for _ in range(count)))
    print(f"{count} streams opened in {time.perf_counter() - began:.1f} s")
    await asyncio.sleep(QUIET_SECONDS)
    cpu = cpu_seconds(pid)
    await asyncio.sleep(QUIET_SECONDS)
    await asyncio.to_thread(show, f"{count} idle", pid)
    share = (cpu_seconds(pid) - cpu) / QUIET_SECONDS
    print(f"idle: {share:.1%} of one core, heartbeats and checks included")
    for _ in range(ROUNDS):
        waiting = [asyncio.ensure_future(told(reader)) for reader, _ in streams]
        await asyncio.sleep(0)
        sent = await asyncio.to_thread(tell, order_id)
        late = sorted(at - sent for at in await asyncio.gather(*waiting))
        told_at = {name: late[int(len(late) * part)] for name, part in PARTS.items()}
        print("broadcast:", ", ".join(f"{n} {s * 1000:.0f} ms" for n, s in told_at.items()))


PARTS = {"first": 0.0, "p50": 0.5, "p99": 0.99, "last": 0.9999}


async def opened(
    gate: asyncio.Semaphore, port: int, order_id: UUID, token: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A stream that has been told all that happened so far; who drops the writer closes it."""
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET /api/orders/{order_id}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Accept: text/event-stream\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.splitlines()[0]:
            raise StackError(f"No stream: {head[:300]!r}")
        await reader.readuntil(b"order.pending_payment")
        return reader, writer


async def told(reader: asyncio.StreamReader) -> float:
    """When the next event came."""
    await reader.readuntil(b"event: order.rated")
    return time.perf_counter()


def tell(order_id: UUID) -> float:
    """Record an event of the order; when its transaction was committed."""
    from django.db import transaction

    from events.services import record

    with transaction.atomic():
        record(type="order.rated", order_id=order_id, data={"stars": 5})
    return time.perf_counter()


def serving(port: int) -> int:
    """The process that serves: the newest child of the one that listens."""
    log = (FOLDER / "web.log").read_text()
    return int(log.rsplit("Booting worker with pid: ", 1)[1].split()[0])


def show(when: str, pid: int) -> None:
    """Memory, threads and database connections of the process."""
    from django.db import connection

    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT application_name, count(*) FROM pg_stat_activity WHERE datname ="
            " current_database() AND pid <> pg_backend_pid() GROUP BY 1 ORDER BY 1"
        )
        connections = ", ".join(f"{name or 'Django'} {n}" for name, n in cursor.fetchall())
    memory = int(status["VmRSS"].split()[0]) / 1024
    print(f"{when}: {memory:.0f} MB, {status['Threads'].strip()} threads, {connections}")


def cpu_seconds(pid: int) -> float:
    """What the process has used of the processors so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
