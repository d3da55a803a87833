"""Folders and helpers for stacks that tests start themselves."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack.process import birth, wait_until
from devstack.stack import KINDS
from devstack.state import State
from devstack.stripe import CHECKOUT


@pytest.fixture(autouse=True)
def _no_server_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test run's own servers are in the environment; here none shall be."""
    for kind in KINDS.values():
        monkeypatch.delenv(kind.variable, raising=False)
        monkeypatch.delenv(f"DEVSTACK_{kind.name.upper()}_PORT", raising=False)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="campusg-"))
    path.chmod(0o755)
    yield path / "state"
    # The servers of an owner that was killed may still be leaving.
    assert wait_until(lambda: shutil.rmtree(path, ignore_errors=True) or not path.exists(), 30)


Run = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def run() -> Iterator[Run]:
    """Start Python in a process of its own: `run("-c", program, …)`; ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*argv: object, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        paths = {"PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            [sys.executable, *map(str, argv)],
            env={**os.environ, **paths, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def is_up(port: int) -> bool:
    """Whether something listens on the port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def gone(*pids: int) -> bool:
    """Whether all these processes end within ten seconds."""
    return wait_until(lambda: not any(birth(pid) for pid in pids), 10)


def alive(folder: Path) -> list[int]:
    return [proc.pid for proc in State.read(folder).processes.values() if proc.alive]


def heard(demo: subprocess.Popen[str], word: str) -> str:
    """What it says, to the end of the first line with that word."""
    said = ""
    while word not in said:
        line = demo.stdout.readline()
        assert line, said + demo.stderr.read()
        said += line
    return said
