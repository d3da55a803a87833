"""Where the benchmarks run: servers wiped clean, workers as an operator tunes them, clients."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import django
import requests
from django.core.management import call_command

from devstack.errors import StackError
from devstack.stack import DEFAULT_FOLDER, Stack
from devstack.state import free_port
from devstack.stripe import import_path
from devstack.supervisor import Command, Supervisor
from devstack.up import web

FOLDER = DEFAULT_FOLDER / "bench"
PARTS = ("postgres", "valkey", "kafka", "stripe")
CLIENTS = 2
#: What an operator would set, and customers who may order as fast as we can post.
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "campusg.settings.local",
    "DEBUG": "false",
    "UNPAID_ORDERS_MAX": "100000",
    "THROTTLE_USER": "off",
    "THROTTLE_ORDERS": "off",
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
    stack: Stack

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
    def workers(self, *commands: tuple[str, ...], **environment: str) -> Iterator[Supervisor]:
        """Celery workers with these options, one process each, ready when the block begins."""
        names = [f"worker-{number}" for number in range(len(commands))]
        argv = {
            name: ["celery", "-A", "campusg", "worker", *WORKER, "-n", f"{name}@bench", *options]
            for name, options in zip(names, commands, strict=True)
        }
        with _running(argv, environment) as crew:
            ready = [_log(name) for name in names]
            until(lambda: all(" ready." in log.read_text() for log in ready), "the workers")
            yield crew

    @contextmanager
    def events(self) -> Iterator[None]:
        """The relay and the consumer that tells people, at work when the block begins."""
        argv = {
            "relay": ["django", "relay_events"],
            "consumer": ["django", "consume_notifications"],
        }
        with _running(argv, {}):
            until(lambda: "at work" in _log("relay").read_text(), "the relay")
            until(lambda: " reads " in _log("consumer").read_text(), "the consumer")
            yield

    @contextmanager
    def web(self, workers: int = 2) -> Iterator[int]:
        """The site as `make up` serves it; its port."""
        port = free_port()
        with _running({"web": web("127.0.0.1", port, workers=workers)}, {}):
            url = f"http://127.0.0.1:{port}/readyz"
            until(lambda: _answers(url), "the site to answer")
            yield port


def until(
    condition: Callable[[], bool], what: str, *, within: float = 60.0, every: float = 0.01
) -> None:
    """Wait for something that must come; raises StackError when it does not."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise StackError(f"Waited {within:.0f} s for {what}; see {FOLDER}/*.log.")
        time.sleep(every)


@contextmanager
def open_site(*, quick: bool) -> Iterator[Site]:
    """Servers without a past, the tables of this checkout, two client processes."""
    with Stack(FOLDER, PARTS, fresh=PARTS) as stack:
        os.environ |= stack.env | SETTINGS
        django.setup()
        call_command("migrate", verbosity=0)
        call_command("topics", "ensure", stdout=StringIO())
        from bench.ten import make_tables

        make_tables()
        # Spawned: a fork would share our connections. They live as long as the site.
        with ProcessPoolExecutor(
            CLIENTS, mp_context=get_context("spawn"), initializer=django.setup
        ) as clients:
            yield Site(clients, quick, stack)


def solo(count: int = 2, queues: str = "local,remote") -> tuple[tuple[str, ...], ...]:
    """The options of `count` workers that do one message at a time, which is what local steps
    like best: no pipe, no second process, one worker a core."""
    return (("-P", "solo", "-Q", queues),) * count


def threads(concurrency: int, queues: str = "remote") -> tuple[str, ...]:
    """The options of a worker whose threads wait for the network."""
    return ("-P", "threads", "-c", str(concurrency), "-Q", queues)


@contextmanager
def _running(commands: dict[str, list[str]], environment: dict[str, str]) -> Iterator[Supervisor]:
    """Python modules of this checkout, with their logs, until the block ends."""
    env = {**os.environ, **environment, "PYTHONPATH": import_path()}
    for name in commands:
        _log(name).write_text("")
    crew = Supervisor(
        {
            name: Command([sys.executable, "-m", *argv], env, _log(name))
            for name, argv in commands.items()
        }
    )
    crew.start()
    try:
        yield crew
    finally:
        crew.stop()


def _log(name: str) -> Path:
    return FOLDER / f"{name}.log"


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False
