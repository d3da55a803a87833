"""Trying mutants: a pytest plugin that runs, for each, the tests that pass through its line.

The tests are collected once, by a process that has imported everything and run nothing. Each
mutant gets a fork of it and a database of its own, so it costs no start, and what a mutant breaks
is gone with it.
"""

import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
import requests
from coverage import Coverage
from django.conf import settings
from django.db import connection
from django.test.utils import setup_databases

from devstack.mutation import CHECKOUT, Mutant
from devstack.mutation.planting import Live, live_functions, plant

#: Tests that are left out: those that start processes, in which no mutant is planted (by their
#: marks, and by a fixture), and races, which take their time.
LEFT_OUT, OWN_WORKERS = {"process", "contract", "events", "race"}, "new_worker"
#: Tests that take longer than this, in seconds, are left to `make test`.
LONG = 8.0
#: A mutant may take so many times as long as its tests do without it, and so many seconds more.
SLOWER, PATIENCE = 10, 30.0
#: Imported once Django is ready.
WITHIN = "devstack.mutation.within"
LOG = CHECKOUT / ".campusg" / "mutation.log"
BASE, CLONE = "mutation_base", "mutation"


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: the test that noticed it, none if no test did."""

    mutant: Mutant
    killer: str
    tests: int
    seconds: float


@dataclass
class Ran:
    """What a fork ran: what failed or ended it, how long each test took, the lines it saw."""

    failed: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[str, list[str]]] = field(default_factory=dict)


class Trial:
    """The plugin. `verdicts` fill up until all are tried or the time is over."""

    def __init__(
        self,
        mutants: Sequence[Mutant],
        files: Sequence[str],
        until: float,
        tell: Callable[[Verdict, int], None],
    ) -> None:
        self.mutants, self.files, self.until, self.tell = mutants, files, until, tell
        self.verdicts: list[Verdict] = []
        self._items: dict[str, pytest.Item] = {}
        self._base = Ran()
        self._ran = Ran()
        self._dirty = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In the place of running all tests once."""
        import_module(WITHIN)
        self._items = {item.nodeid: item for item in session.items if _in_process(item)}
        _admin(f'DROP DATABASE IF EXISTS "{BASE}"')
        self._sure(lambda: _make(session.config), limit=600)
        self._base = self._sure(self._look, limit=3600)
        live = live_functions()
        for number, mutant in enumerate(self.mutants, 1):
            if time.monotonic() > self.until:
                break
            verdict = self._try(mutant, live)
            self.verdicts.append(verdict)
            self.tell(verdict, number)
        _admin(f'DROP DATABASE IF EXISTS "{CLONE}" WITH (FORCE)', f'DROP DATABASE "{BASE}"')
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: pytest.FixtureRequest) -> bool | None:
        """The database of a fork is its own copy of one that is ready."""
        if fixturedef.argname != "django_db_setup":
            return None
        fixturedef.cached_result = (None, fixturedef.cache_key(request), None)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """How long each test took, and which failed."""
        seconds = self._ran.seconds
        seconds[report.nodeid] = seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self._ran.failed.append(report.nodeid)

    def _try(self, mutant: Mutant, live: Live) -> Verdict:
        tests = self._tests_of(mutant)
        began = time.monotonic()
        killer = ""
        while tests:
            killer = self._killer(tests, lambda: plant(mutant, live))
            if not self._doubtful(killer) or not self._killer([killer]):
                break
            # It fails without the mutant as well: what it says means nothing.
            tests.remove(killer)
            killer = ""
        return Verdict(mutant, killer, len(tests), time.monotonic() - began)

    def _doubtful(self, killer: str) -> bool:
        """Whether it may fail for another's sake: it waits for others, or commits."""
        return killer in self._items and _commits(self._items[killer])

    def _killer(self, tests: Sequence[str], before: Callable[[], object] = bool) -> str:
        """The first of the tests that fails, or what ended them all; nothing if all pass."""

        def run() -> None:
            before()
            self._run(tests)

        limit = PATIENCE + SLOWER * sum(self._base.seconds[one] for one in tests)
        return next(iter(self._fork(run, limit).failed), "")

    def _tests_of(self, mutant: Mutant) -> list[str]:
        """Those that pass through its line, the fastest first; or, if it is in the midst of a
        statement, through the line before. Of a constant, those that pass where it is named."""
        lines = self._base.lines.get(mutant.file, {})
        if mutant.within:
            near = (lines.get(str(at), ()) for at in range(mutant.line, mutant.within, -1))
            through = set(next(filter(None, near), ()))
        else:
            named = [lines.get(str(at), ()) for at in mutant.uses]
            through = set().union(*(named or lines.values()))
        return sorted(through, key=self._base.seconds.__getitem__)

    def _look(self) -> None:
        """Run every test once without a mutant, and see which lines it passes through."""
        cover = Coverage(data_file=None, include=[str(CHECKOUT / one) for one in self.files])
        cover.start()
        for test, following in pairwise([*self._items, ""]):
            cover.switch_context(test)
            self._ran.seconds[test] = 0.0
            self._run_one(test, following)
        cover.stop()
        passed = {
            one for one, seconds in self._ran.seconds.items()
            if one not in self._ran.failed and seconds < LONG
        }  # fmt: skip
        data = cover.get_data()
        for file in self.files:
            seen = data.contexts_by_lineno(str(CHECKOUT / file))
            self._ran.lines[file] = {
                str(line): sorted(passed.intersection(tests)) for line, tests in seen.items()
            }

    def _run(self, tests: Sequence[str]) -> None:
        for test, following in pairwise([*tests, ""]):
            self._run_one(test, following)
            if self._ran.failed:
                return

    def _run_one(self, test: str, following: str) -> None:
        item, after = self._items[test], self._items.get(following)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)

    def _sure(self, run: Callable[[], object], limit: float) -> Ran:
        """A fork that has to reach its end."""
        ran = self._fork(run, limit)
        if broken := set(ran.failed) - set(self._items):
            raise RuntimeError(f"without any mutant: {broken}; see {LOG}")
        return ran

    def _fork(self, run: Callable[[], object], limit: float) -> Ran:
        """What `run` found in a process of its own, which ends with it."""
        _afresh(self._dirty)
        with tempfile.TemporaryDirectory() as folder:
            found = Path(folder) / "ran"
            child = os.fork()
            if child == 0:
                _end_after(limit)
                self._in_child(run, found)
            _, status = os.waitpid(child, 0)
            ran = Ran(failed=[f"no end after {limit:.0f} s" if status else "no word"])
            if found.exists():
                ran = Ran(**json.loads(found.read_text()))
            self._dirty = not ran.seconds or any(_commits(self._items[one]) for one in ran.seconds)
            return ran

    def _in_child(self, run: Callable[[], object], found: Path) -> None:
        with LOG.open("w") as log:
            os.dup2(log.fileno(), sys.stdout.fileno())
            os.dup2(log.fileno(), sys.stderr.fileno())
        self._ran = Ran()
        next(iter(self._items.values())).config.pluginmanager.unregister(name="terminalreporter")
        _use(CLONE)
        sys.modules[WITHIN].work_within()
        try:
            run()
        except BaseException as error:
            traceback.print_exc()
            self._ran.failed.append(repr(error))
        found.write_text(json.dumps(vars(self._ran)))
        os._exit(0)


def _in_process(item: pytest.Item) -> bool:
    marks = {mark.name for mark in item.iter_markers()}
    return OWN_WORKERS not in getattr(item, "fixturenames", ()) and not marks & LEFT_OUT


def _end_after(limit: float) -> None:
    """Die of it, whatever the mutant hangs in."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limit)


def _commits(item: pytest.Item) -> bool:
    return "committed_db" in getattr(item, "fixturenames", ())


def _afresh(dirty: bool) -> None:
    """Nothing of the last fork is left: its messages, its faults at Stripe, and, if there are any,
    its rows."""
    redis.Redis.from_url(settings.REDIS_URL).flushall()
    requests.delete(f"{settings.STRIPE_API_BASE}/_sandbox/faults", timeout=10)
    if dirty and _admin(f"SELECT FROM pg_database WHERE datname = '{BASE}'"):
        _admin(
            f'DROP DATABASE IF EXISTS "{CLONE}" WITH (FORCE)',
            f'CREATE DATABASE "{CLONE}" TEMPLATE "{BASE}"',
        )


def _make(config: pytest.Config) -> None:
    # Imported before pytest is at work, its plugins could not be.
    from pytest_django.plugin import blocking_manager_key

    connection.settings_dict["TEST"]["NAME"] = BASE
    with config.stash[blocking_manager_key].unblock():
        setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    connection.close()


def _use(name: str) -> None:
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name


def _admin(*statements: str) -> bool:
    """Whether the last statement found a row. On a connection that no fork inherits."""
    one = connection.settings_dict
    own = psycopg2.connect(
        host=one["HOST"], port=one["PORT"], user=one["USER"], password=one["PASSWORD"],
        dbname="postgres",
    )  # fmt: skip
    try:
        own.autocommit = True
        with own.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.rowcount > 0
    finally:
        own.close()
