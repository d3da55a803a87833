"""What every test may use: committed data, a real worker, helpers that wait for conditions."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import hypothesis
import pytest
from celery import current_app
from django.db import connection
from django.test import Client
from django.test.utils import setup_databases
from hypothesis import HealthCheck

from tests import stack
from tests.admin import signed_in

# The gate tells of the change, not of the day: the same examples each time, and a slow machine is
# no fault of theirs. `make model`, `make event-orders` and `make chaos` go where nobody was.
hypothesis.settings.register_profile(
    "gate",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("gate")

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")


#: Folders and files whose tests start processes.
PROCESSES = ("devstack", "stripe_sandbox", "api", "test_architecture.py", "test_bench.py")
SLOW = {"story", "events", "race", "contract", "schedule", "process"}
#: What a test leaves or wants at work, by its fixture; they come in this order, the others first.
ORDER = ("committed_db", "new_worker", "no_worker", "worker", "staff")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is quick, so that `pytest -m quick` is what people run all day.

    And put tests that commit after those that are rolled back, since what is committed stays, and
    tests that want the same workers together, since starting one takes longer than most tests.
    """
    items.sort(key=place)
    for item in items:
        if item.path.relative_to(ROOT / "tests").parts[0] in PROCESSES:
            item.add_marker("process")
        if not SLOW.intersection(mark.name for mark in item.iter_markers()):
            item.add_marker("quick")


def place(item: pytest.Item) -> int:
    """0 for a test that leaves no trace, 1 for one that commits; more for who asks for workers."""
    names = getattr(item, "fixturenames", ())
    wanted = [n for n, name in enumerate(ORDER, 1) if name in names]
    return min(wanted[1:] or wanted, default=0)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The numbers of the faults (`docs/faults.md`) that the tests just run cover, and how many."""
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.getreports(kind)]
    covered = Counter(
        number for one in reports for name, number in one.user_properties if name == "fault"
    )
    if covered:
        shown = ", ".join(f"{number} ({covered[number]})" for number in sorted(covered))
        terminalreporter.write_line(f"faults covered (by so many tests): {shown}")


@pytest.fixture(autouse=True)
def _faults(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """Note which faults the test is about."""
    for mark in request.node.iter_markers("fault"):
        for number in mark.args:
            record_property("fault", number)


def eventually(condition: Callable[[], T], *, within: float = 45.0, every: float = 0.02) -> T:
    """The first true value of `condition`; fails with its last value after `within` seconds."""
    end = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < end, f"still {value!r} after {within} s"
        time.sleep(every)
    return value


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: object) -> None:
    """A new test database for each run. It stays after the run, for whoever wants to look."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        with connection._nodb_cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [connection.creation._get_test_db_name()],
            )
        setup_databases(verbosity=0, interactive=False, serialized_aliases=[])


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    """The test database with real commits, never flushed: the books are append-only, so tests
    keep apart by using ids of their own."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connection.close()


class Worker:
    """A `celery worker` as an operator starts it, in a process of its own."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.arguments = arguments
        self.environment = environment
        self.log = stack.current.folder / f"worker-{id(self)}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Worker":
        """Start it and wait until it takes messages."""
        env = os.environ | {"DATABASE_URL": test_database_url()} | self.environment
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "campusg", "worker", "-l", "info",
                 "-I", "tests.sagas.engine.toys,tests.guard", *self.arguments],
                cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        eventually(lambda: b" ready." in self.log.read_bytes() or self._dead(), within=90)
        return self

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL the whole process group, as a power cut would."""
        assert self.process is not None
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
            self.process.wait()
        self.log.unlink(missing_ok=True)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole process group."""
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def stop(self, within: float = 10) -> None:
        """SIGTERM, as an operator would; killed when that takes longer."""
        if self.process is None or self.ended:
            return
        self.process.terminate()
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()

    def _dead(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        return False


def test_database_url() -> str:
    """Where the test database is, for processes of our own."""
    settings = connection.settings_dict
    return "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**settings)


test_database_url.__test__ = False  # type: ignore[attr-defined]


def forget_messages() -> None:
    """Empty the broker. Dead workers leave unacknowledged messages there for two minutes."""
    with current_app.connection_or_acquire() as broker:
        broker.default_channel.client.flushdb()


class Staff:
    """Sees to it that the only workers at work are those a test asked for."""

    def __init__(self) -> None:
        self.regular: Worker | None = None

    def only(self, **environment: str) -> Worker:
        """The regular worker, with this environment; it stays for the tests that want the same."""
        if self.regular is None or self.regular.environment != environment or self.regular.ended:
            self.nobody()
            self.regular = Worker(**environment)
            self.regular.start()
        return self.regular

    def nobody(self) -> None:
        """Send the regular worker home, and forget what lies in the broker: messages are hints."""
        if self.regular is not None:
            self.regular.kill()
        self.regular = None
        forget_messages()


@pytest.fixture(scope="session")
def staff(django_db_setup: None) -> Iterator[Staff]:
    staff = Staff()
    yield staff
    staff.nobody()


@pytest.fixture
def worker(committed_db: None, staff: Staff) -> Worker:
    """The regular worker: one plain `celery worker` that runs everything."""
    return staff.only()


@pytest.fixture
def no_worker(committed_db: None, staff: Staff) -> None:
    """Nobody takes messages."""
    staff.nobody()


@pytest.fixture
def new_worker(committed_db: None, staff: Staff) -> Iterator[Callable[..., Worker]]:
    """Workers of a test's own, and no other, stopped after it."""
    staff.nobody()
    made: list[Worker] = []

    def make(*arguments: str, **environment: str) -> Worker:
        made.append(Worker(*arguments, **environment))
        return made[-1].start()

    yield make
    for one in made:
        one.kill()
    forget_messages()


@pytest.fixture
def superuser(db: None) -> Client:
    """A browser in which somebody who may do everything is signed in to the admin."""
    return signed_in(is_superuser=True)


@pytest.fixture
def ops(db: None) -> Client:
    """A browser in which an ordinary operator is signed in to the admin."""
    return signed_in(group="ops")
