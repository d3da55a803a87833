"""What the supervisor runs stays alive until the supervisor is told to stop."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack import supervisor as module
from devstack.process import children_of, wait_until
from devstack.supervisor import Command, Supervisor
from tests.devstack.conftest import gone

SLEEP = "import time; time.sleep(60)"


def command(tmp_path: Path, program: str = SLEEP) -> Command:
    return Command([sys.executable, "-c", program], {}, tmp_path / "log")


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY", 0.02)


@contextmanager
def supervised(commands: dict[str, Command], lines: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(commands, say=lines.append)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


def polled(supervisor: Supervisor, condition: Callable[[], bool]) -> bool:
    def step() -> bool:
        supervisor.poll()
        return condition()

    return wait_until(step, 10)


def test_a_killed_process_starts_again_and_a_line_says_so(tmp_path: Path) -> None:
    lines: list[str] = []
    with supervised({"worker": command(tmp_path)}, lines) as supervisor:
        (first,) = supervisor.pids("worker")
        supervisor.kill_all("worker", signal.SIGKILL)
        assert polled(supervisor, lambda: supervisor.pids("worker") not in ([], [first]))
        assert supervisor.restarts("worker") == 1
    assert len(lines) == 1
    assert "worker died (signal SIGKILL); it starts again in 0.02 s" in lines[0]


def test_what_dies_at_once_is_started_ever_more_slowly(tmp_path: Path) -> None:
    lines: list[str] = []
    with supervised({"web": command(tmp_path, "raise SystemExit(3)")}, lines) as supervisor:
        assert polled(supervisor, lambda: len(lines) == 3)
    delays = [line.partition("again in ")[2].partition(" s")[0] for line in lines]
    assert delays == ["0.02", "0.04", "0.08"]
    assert "exit code 3" in lines[0]


def test_a_thread_can_watch_instead(tmp_path: Path) -> None:
    supervisor = Supervisor({"worker": command(tmp_path)})
    supervisor.start(background=True)
    (first,) = supervisor.pids()
    supervisor.kill_all()
    assert wait_until(lambda: supervisor.pids() not in ([], [first]), 10)
    (second,) = supervisor.pids()
    supervisor.stop()
    assert gone(first, second)


def test_a_kill_takes_one_family_and_the_children_in_it(tmp_path: Path) -> None:
    parent = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SLEEP!r}])
print(child.pid, flush=True)
child.wait()
"""
    commands = {
        "worker-1": command(tmp_path, parent),
        "worker-2": command(tmp_path / "2"),
        "workshop": command(tmp_path / "3"),
    }
    with supervised(commands, []) as supervisor:
        assert wait_until(lambda: (tmp_path / "log").read_text().endswith("\n"), 10)
        grandchild = int((tmp_path / "log").read_text())
        workers, others = supervisor.pids("worker"), supervisor.pids("workshop")
        assert (len(workers), len(others)) == (2, 1)
        supervisor.kill_all("worker")
        assert gone(*workers, grandchild)
        assert supervisor.pids("workshop") == others


def test_a_stop_waits_for_the_willing_and_kills_the_deaf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 3)
    deaf = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
"""
    willing = """
import signal, sys, time
def leave(*_):
    time.sleep(0.1)
    print("done", flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
time.sleep(60)
"""
    commands = {
        "deaf": command(tmp_path, deaf + SLEEP),
        "willing": Command([sys.executable, "-c", willing], {}, tmp_path / "willing"),
    }
    with supervised(commands, []) as supervisor:
        assert wait_until(lambda: (tmp_path / "log").read_text() == "deaf\n", 10)
        assert wait_until(lambda: (tmp_path / "willing").read_text() == "ready\n", 10)
        pids = supervisor.pids()
        began = time.monotonic()
        supervisor.stop()
        assert gone(*pids)
        assert time.monotonic() - began < 12  # its real patience is 15
    assert (tmp_path / "willing").read_text() == "ready\ndone\n"


def test_the_children_of_a_process_are_known_and_a_dead_one_has_none() -> None:
    program = f"import subprocess as s, sys; print(s.Popen(sys.argv[1:]).pid, flush=True); {SLEEP}"
    argv = [sys.executable, "-c", program, sys.executable, "-c", SLEEP]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        assert children_of(parent.pid) == [child]
        os.kill(child, signal.SIGKILL)
        parent.kill()
    assert children_of(parent.pid) == []
