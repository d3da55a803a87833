"""Where the benchmarks run: servers wiped clean, workers as an operator tunes them, clients."""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

from devstack.errors import StackError
from devstack.part import last_lines
from devstack.process import wait_until
from devstack.stack import DEFAULT_FOLDER, Stack
from devstack.stripe import CHECKOUT, import_path
from devstack.supervisor import Command, Supervisor

FOLDER = DEFAULT_FOLDER / "bench"
PARTS = ("postgres", "valkey", "stripe")
CLIENTS = 2
#: What an operator would set, and customers who may order as fast as we can post.
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "campusg.settings.local",
    "DEBUG": "false",
    "UNPAID_ORDERS_MAX": "100000",
}
WORKER = (
    "-I",
    "bench.ten",
    "-l",
    "info",
    "--without-gossip",
    "--without-mingle",
    "--without-heartbeat",
)


@dataclass(frozen=True)
class Site:
    """The running servers. `quick` measures next to nothing: it proves that all of it works."""

    clients: ProcessPoolExecutor
    quick: bool

    @property
    def repetitions(self) -> int:
        """How often each figure is measured."""
        return 1 if self.quick else 3

    def size(self, count: int) -> int:
        """How many of a thing to do: `count`, or a handful when in a hurry."""
        return max(4, count // 100) if self.quick else count

    def share(self, function: Callable[..., Any], count: int, *arguments: Any) -> None:
        """Call `function(part, *arguments)` in every client at once, the parts adding up."""
        parts = [count // CLIENTS + (number < count % CLIENTS) for number in range(CLIENTS)]
        calls = [self.clients.submit(function, part, *arguments) for part in parts]
        for call in calls:
            call.result()

    @contextmanager
    def workers(self, *commands: tuple[str, ...], **environment: str) -> Iterator[None]:
        """Celery workers with these options, one process each, ready when the block begins."""
        env = {**os.environ, **environment, "PYTHONPATH": import_path()}
        argv = [sys.executable, "-m", "celery", "-A", "campusg", "worker", *WORKER]
        logs = {f"worker-{n}": FOLDER / f"worker-{n}.log" for n in range(len(commands))}
        for log in logs.values():
            log.unlink(missing_ok=True)
        crew = Supervisor(
            {
                name: Command([*argv, "-n", f"{name}@bench", *options], env, log)
                for (name, log), options in zip(logs.items(), commands, strict=True)
            }
        )
        crew.start()
        try:
            for log in logs.values():
                _wait_for_word(log, " ready.")
            yield
        finally:
            crew.stop()


@contextmanager
def open_site(*, quick: bool) -> Iterator[Site]:
    """Servers without a past, the tables of this checkout, two client processes."""
    with Stack(FOLDER, PARTS, fresh=PARTS) as stack:
        os.environ |= stack.env | SETTINGS
        django.setup()
        call_command("migrate", verbosity=0)
        from bench.ten import make_tables

        make_tables()
        # Spawned: a fork would share our connections. They live as long as the site.
        with ProcessPoolExecutor(
            CLIENTS, mp_context=get_context("spawn"), initializer=django.setup
        ) as clients:
            yield Site(clients, quick)


def solo(count: int = 2, queues: str = "local,remote") -> tuple[tuple[str, ...], ...]:
    """The options of `count` workers that do one message at a time, which is what local steps
    like best: no pipe, no second process, one worker a core."""
    return (("-P", "solo", "-Q", queues),) * count


def threads(concurrency: int, queues: str = "remote") -> tuple[str, ...]:
    """The options of a worker whose threads wait for the network."""
    return ("-P", "threads", "-c", str(concurrency), "-Q", queues)


def _wait_for_word(log: Path, word: str, within: float = 30.0) -> None:
    if not wait_until(lambda: log.exists() and word in log.read_text(), within):
        raise StackError(f"{log} does not say{word} after {within:.0f} s:\n{last_lines(log, 15)}")


__all__ = ["CHECKOUT", "CLIENTS", "Site", "open_site", "solo", "threads"]
