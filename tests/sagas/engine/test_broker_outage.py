"""The broker goes away in mid-work: two seconds without it, and then everything goes on."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.stack import Stack
from devstack.supervisor import Command, Supervisor
from sagas.models import RunStatus
from tests.conftest import ROOT, Staff, eventually, test_database_url
from tests.sagas.engine import toys
from tests.sagas.engine.conftest import Toy

pytestmark = pytest.mark.contract


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A Valkey of the test's own, which it may kill."""
    monkeypatch.delenv("REDIS_URL")
    with Stack(tmp_path / "stack", ["valkey"]) as stack:
        yield stack


@pytest.fixture
def workers(
    committed_db: None, staff: Staff, broker: Stack, tmp_path: Path
) -> Iterator[Supervisor]:
    """Two workers, started again when they die, as every deployment must."""
    staff.nobody()
    env = os.environ | {"DATABASE_URL": test_database_url(), "REDIS_URL": broker.env["REDIS_URL"],
                        "PYTHONPATH": str(ROOT)}  # fmt: skip
    argv = [sys.executable, "-m", "celery", "-A", "campusg", "worker", "-l", "info",
            "-I", "tests.sagas.engine.toys"]  # fmt: skip
    logs = {f"worker-{n}": tmp_path / f"worker-{n}.log" for n in (1, 2)}
    supervisor = Supervisor({name: Command(argv, env, log) for name, log in logs.items()})
    supervisor.start(background=True)
    eventually(
        lambda: all(log.exists() and b" ready." in log.read_bytes() for log in logs.values())
    )
    yield supervisor
    supervisor.stop()


@pytest.mark.fault(31, 37)
def test_two_seconds_without_a_broker_amid_unacknowledged_messages(
    toy_tables: None, broker: Stack, workers: Supervisor
) -> None:
    # This process publishes nothing that arrives: the sweep of the workers finds every run.
    runs = [Toy(toys.remote_saga, remote="late:2") for _ in range(20)]
    eventually(lambda: sum(run.run.lease_until is not None for run in runs) >= 4)
    broker.kill("valkey", signal.SIGKILL)
    time.sleep(2)  # The outage itself is a length of time.
    broker.restart("valkey")
    for run in runs:
        assert run.rests(within=40).status == RunStatus.COMPLETED
        assert run.effects().count("c") == 1
