"""What we rely on in Celery. One of these failing after an upgrade says which rule has moved."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from celery import chain

from tests.conftest import ROOT, eventually
from tests.stack import current

pytestmark = pytest.mark.contract


class Contract:
    """A worker of the bare application, and the marks its tasks leave."""

    def __init__(self, url: str, log: Path) -> None:
        os.environ["CONTRACT_REDIS_URL"] = url
        from tests.contract import app as tasks

        self.tasks, self.url, self.log = tasks, url, log
        self.redis = redis.from_url(url)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "tests.contract.app", "worker",
                 "-P", "threads", "-c", "2", "-l", "info"],
                cwd=ROOT, env=os.environ | {"CONTRACT_REDIS_URL": self.url},
                stdout=output, stderr=output,
            )  # fmt: skip
        eventually(lambda: b" ready." in self.log.read_bytes())

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def marks(self, test: str) -> list[str]:
        return [mark.decode() for mark in self.redis.lrange(f"marks:{test}", 0, -1)]

    def quiet(self) -> bool:
        """True when no message waits or is being worked on, at several looks: between the queue
        and the note of who took it, a message is in neither."""
        for _ in range(5):
            with self.redis.pipeline() as look:
                if any(look.llen("contract").zcard("unacked_index").execute()):
                    return False
            time.sleep(0.05)
        return True


@pytest.fixture(scope="module")
def celery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contract]:
    url = current.env["REDIS_URL"].rpartition("/")[0] + "/7"
    contract = Contract(url, tmp_path_factory.mktemp("contract") / "worker.log")
    contract.start()
    yield contract
    contract.stop()
    contract.redis.close()


@pytest.fixture
def name() -> str:
    return uuid4().hex


def run(celery: Contract, name: str, *steps: Any, link_error: Any = None) -> list[str]:
    """Send a chain of (task, label) and return the marks once all is quiet."""
    signatures = [task.si(name, label) for task, label in steps]
    chain(*signatures).apply_async(link_error=link_error or celery.tasks.errback.si(name))
    eventually(lambda: celery.marks(name) and celery.quiet())
    return celery.marks(name)


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_one_argument_errback_is_a_message_called_once_for_any_step(
    celery: Contract, name: str, failing: int
) -> None:
    t = celery.tasks
    steps = [(t.fail if at == failing else t.ok, str(at)) for at in range(3)]
    done = [str(at) for at in range(failing + 1)]
    assert run(celery, name, *steps) == [*done, "errback in its own task: True"]


def test_an_errback_with_more_arguments_runs_inline_and_its_error_is_swallowed(
    celery: Contract, name: str
) -> None:
    t = celery.tasks
    marks = run(celery, name, (t.fail, "a"), link_error=t.inline_errback.s())
    assert marks == ["a", "inline in a task of its own: False"]


def test_ignore_stops_the_chain_and_calls_no_errback(celery: Contract, name: str) -> None:
    t = celery.tasks
    assert run(celery, name, (t.ok, "a"), (t.ignore, "b"), (t.ok, "c")) == ["a", "b"]


def test_elements_popped_off_the_carrier_are_not_published_and_the_rest_is(
    celery: Contract, name: str
) -> None:
    t = celery.tasks
    steps = [(t.pop_two, "0"), (t.ok, "1"), (t.ok, "2"), (t.ok, "3"), (t.ok, "4")]
    assert run(celery, name, *steps) == ["0 carries 4", "3", "4"]


def test_what_is_left_after_popping_keeps_its_errback(celery: Contract, name: str) -> None:
    t = celery.tasks
    steps = [(t.pop_two, "0"), (t.ok, "1"), (t.ok, "2"), (t.fail, "3")]
    assert run(celery, name, *steps) == ["0 carries 3", "3", "errback in its own task: True"]


def test_a_carrier_that_dies_is_redelivered_with_its_whole_chain(
    celery: Contract, name: str
) -> None:
    t = celery.tasks
    chain(t.pop_and_die.si(name, "0"), t.ok.si(name, "1"), t.ok.si(name, "2")).apply_async()
    assert celery.process is not None
    assert celery.process.wait(20) == 9
    celery.start()
    eventually(lambda: celery.marks(name)[-1:] == ["2"])
    assert celery.marks(name) == ["0 carries 2", "0 carries 2", "1", "2"]


def test_what_follows_from_a_message_inherits_its_priority_and_an_errback_brings_its_own(
    celery: Contract, name: str
) -> None:
    errback = celery.tasks.priority_of_errback.si(name).set(priority=6)
    steps = [celery.tasks.tell_priority.si(name, label) for label in ("first", "last")]
    chain(*steps).apply_async(priority=9, link_error=errback)
    eventually(lambda: len(celery.marks(name)) == 3)
    assert celery.marks(name) == ["first 9", "last 9", "errback 6"]
