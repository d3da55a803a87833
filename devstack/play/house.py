"""A campus: servers, tables and people made anew, and our processes kept alive on them."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import Popen
from typing import Any

import psycopg2
import requests

from devstack.errors import StackError
from devstack.part import last_lines
from devstack.play.lunch import Kitchen
from devstack.process import end, spawn, wait_until
from devstack.stack import Stack
from devstack.state import free_port
from devstack.stripe import CHECKOUT, import_path
from devstack.supervisor import Command, Supervisor
from devstack.up import our_processes, signing

PARTS = ("postgres", "valkey", "kafka", "stripe")
READY_WITHIN = 60.0  # seconds until the site answers and every worker takes messages
PASSWORD = "lunch-hour"
#: Local steps are short and bound to the processor, remote ones wait for the network.
WORKERS = {
    "worker-local": ["-P", "solo", "-Q", "local"],
    "worker-remote": ["-P", "threads", "-c", "16", "-Q", "remote"],
}
#: Nobody remote-controls these workers, so none need spend a second looking for its neighbours.
ALONE = ("--without-gossip", "--without-mingle")


class Inhabited(StackError):
    """The given database is in use."""


@dataclass(frozen=True)
class Plan:
    """What kind of campus it is. `reached` says how our processes find the servers, if not at
    their own addresses: it is given the environment of their clients and returns what differs."""

    customers: int
    runners: int = 16
    workers: Mapping[str, Sequence[str]] = field(default_factory=lambda: WORKERS)
    settings: str = "devstack.play.settings"
    reached: Callable[[Mapping[str, str]], Mapping[str, str]] = lambda env: {}


@dataclass(frozen=True)
class House:
    """A campus that is open."""

    stack: Stack
    supervisor: Supervisor
    site: str
    env: Mapping[str, str]
    people: Mapping[str, Any]  # what `seed_campus` wrote down

    @property
    def customers(self) -> list[str]:
        """Their usernames."""
        return [person["username"] for person in self.people["customers"]]

    @property
    def kitchens(self) -> list[Kitchen]:
        """The restaurants with their menus."""
        return [
            Kitchen(kitchen["id"], tuple(dish["id"] for dish in kitchen["menu"]))
            for kitchen in self.people["restaurants"]
        ]

    @property
    def runners(self) -> list[str]:
        """Their usernames."""
        return [person["username"] for person in self.people["runners"]]

    def audits(self) -> tuple[str, str]:
        """What `manage.py verify_books` and `manage.py reconcile` print."""
        done = _manage(self.stack.folder, self.env, ["verify_books"], ["reconcile"])
        books, reconciled = (log.read_text() for _, log in done)
        return books, reconciled

    def check_servers(self) -> None:
        """Raises StackError when a server has died: that is no part of the play."""
        for name in self.stack.dead():
            log = self.stack.parts[name].log
            raise StackError(f"{name} died; the end of {log}:\n{last_lines(log)}")


@contextmanager
def opened(folder: Path, plan: Plan, say: Callable[[str], None]) -> Iterator[House]:
    """A new campus, closed again at the end. Its data stays in `folder`, in place of that of an
    earlier one.

    Raises AlreadyRunning when an earlier one was kept, StackError when something fails.
    """
    # Pretend cards go to a pretend Stripe, whatever this shell is set up for.
    for name in ("STRIPE_API_BASE", "STRIPE_SECRET_KEY"):
        os.environ.pop(name, None)
    with Stack(folder, PARTS, fresh=PARTS) as stack:
        for old in stack.folder.glob("*.log"):
            old.unlink()
        say(f"{', '.join(PARTS)} are up")
        env = {
            **os.environ,
            **stack.env,
            **plan.reached(stack.env),
            "PYTHONPATH": import_path(),
            "DJANGO_SETTINGS_MODULE": plan.settings,
        }
        if "postgres" not in stack.parts:
            _refuse_an_inhabited_database(stack.env["DATABASE_URL"])
        port = free_port()
        site = f"http://127.0.0.1:{port}"
        _prepare(stack.folder, env, ["migrate"])
        _prepare(stack.folder, env, ["topics", "ensure"], ["webhooks", "register", site])
        env |= signing(stack.folder / "webhooks.log")
        say("tables, topics and webhooks made")
        supervisor = Supervisor(
            _processes(env, stack.folder, port, plan.workers), on_change=stack.record
        )
        try:
            supervisor.start(background=True)
            people = _seed(stack.folder, env, plan)
            say(f"{plan.customers} customers seeded")
            _wait_until_open(stack.folder, site, plan.workers)
            yield House(stack, supervisor, site, env, people)
        finally:
            supervisor.stop()


def welcome(house: House) -> str:
    """Where to go in a campus that stays open, and as whom."""
    folder = house.stack.folder
    lines = [
        "The campus stays open until Ctrl-C.",
        f"  admin      {house.site}/admin/  as {house.people['admin']['username']} / {PASSWORD}",
        f"  API        {house.site}/api/docs  as {house.customers[0]} / {PASSWORD}",
        f"  Stripe     {house.stack.env['STRIPE_API_BASE']}/",
        f"  logs       {folder}/*.log",
        f"  manage.py  set -a; . {folder}/env; set +a; python manage.py saga list",
    ]
    return "\n".join(lines)


def _processes(
    env: dict[str, str], folder: Path, port: int, workers: Mapping[str, Sequence[str]]
) -> dict[str, Command]:
    """Those of `make up`, with workers of these options."""
    commands = our_processes(env, folder, port)
    web, worker = commands["web"], commands.pop("worker")
    # Imported once for both of its processes: the first order shall not wait for the second.
    commands["web"] = replace(web, argv=[*web.argv, "--preload"])
    for name, flags in workers.items():
        argv = [*worker.argv, "-n", name, "-l", "info", *ALONE, *flags]
        commands[name] = replace(worker, argv=argv, log_path=folder / f"{name}.log")
    return commands


def _seed(folder: Path, env: Mapping[str, str], plan: Plan) -> dict[str, Any]:
    """People, kitchens and cards; every tenth card declines, one kitchen in eight is frozen."""
    path = folder / "people.json"
    options = {"customers": plan.customers, "declined-share": 0.1, "restaurants": 8, "frozen": 1,
               "runners": plan.runners}  # fmt: skip
    flags = [f"--{name}={value}" for name, value in options.items()]
    _prepare(folder, env, ["seed_campus", f"--json={path}", f"--password={PASSWORD}", *flags])
    people: dict[str, Any] = json.loads(path.read_text())
    return people


def _wait_until_open(folder: Path, site: str, workers: Iterable[str]) -> None:
    def answers() -> bool:
        try:
            return requests.get(f"{site}/readyz", timeout=2).ok
        except requests.RequestException:
            return False

    def takes_messages(name: str) -> bool:
        log = folder / f"{name}.log"
        return log.exists() and b" ready." in log.read_bytes()

    if not wait_until(lambda: all(map(takes_messages, workers)) and answers(), READY_WITHIN):
        raise StackError(f"The campus did not open within {READY_WITHIN:.0f} s; see {folder}/*.log")


def _manage(
    folder: Path, env: Mapping[str, str], *commands: Sequence[str]
) -> list[tuple[int, Path]]:
    """Run management commands, all at once, to their ends; the exit code and log of each."""
    manage = [sys.executable, str(CHECKOUT / "manage.py")]
    logs = [folder / f"{command[0]}.log" for command in commands]
    processes: list[Popen[bytes]] = []
    try:
        for command, log in zip(commands, logs, strict=True):
            argv = [*manage, *command]
            processes.append(spawn(argv, env=env, log=log, stop_signal=signal.SIGTERM))
        return [(process.wait(), log) for process, log in zip(processes, logs, strict=True)]
    finally:
        for process in processes:
            end(process, signal.SIGTERM)


def _prepare(folder: Path, env: Mapping[str, str], *commands: Sequence[str]) -> None:
    """Run management commands that must succeed. Raises StackError with the last words of one."""
    for command, (code, log) in zip(commands, _manage(folder, env, *commands), strict=True):
        if code != 0:
            said = last_lines(log, 15)
            raise StackError(f"`manage.py {command[0]}` failed; the end of {log}:\n{said}")


def _refuse_an_inhabited_database(url: str) -> None:
    """The proof counts every row there is, and pretend people don't belong among real ones."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('users_user') IS NOT NULL")
        if cursor.fetchone() == (True,):
            raise Inhabited(
                "DATABASE_URL names a database in which CampusG already lives; this wants an "
                "empty one, or none: then it brings its own."
            )
