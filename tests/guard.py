"""Nobody talks to Stripe while a transaction is open: checked at the socket, in every process.

A plugin of the test run, and imported by its workers. Whoever breaks the rule gets an error where
it happens; and because code may catch that, it is also written down, and the run fails.
"""

import os
import socket
import traceback
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connections

FOLDER = Path(__file__).resolve().parent.parent / ".campusg" / "test"
NAME = "calls-in-transactions"
#: Which of the processes that share the tests we are, or belong to.
SHARE = os.environ.get("PYTEST_XDIST_WORKER")


class CallInTransaction(ConnectionError):
    """Of a kind that whoever opened the socket closes it after."""


def found() -> Path:
    """What one of the processes that share the tests, and those it started, were caught at."""
    return FOLDER / f"{NAME}-{SHARE or 'main'}"


def in_transaction() -> bool:
    """True inside a transaction that the code has opened, not the test case round it."""
    return apps.ready and any(
        not block._from_testcase
        for connection in connections.all(initialized_only=True)
        for block in connection.atomic_blocks
    )


def pytest_configure(config: pytest.Config) -> None:
    """Forget what an earlier run found, before the processes that share the tests begin."""
    if SHARE is None:
        for log in FOLDER.glob(f"{NAME}-*"):
            log.unlink()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Whatever a process was caught at fails the run."""
    logs = [] if SHARE else [log.read_text() for log in FOLDER.glob(f"{NAME}-*")]
    if logs:
        print("\nCalls to Stripe inside transactions:", *logs, sep="\n")  # noqa: T201
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _guarded(name: str) -> Any:
    method = getattr(socket.socket, name)

    def guarded(self: socket.socket, *given: Any) -> Any:
        if in_transaction() and _peer(self, name, given) == _stripe():
            with found().open("a") as log:
                log.write("".join(traceback.format_stack(limit=40)) + "\n")
            raise CallInTransaction("a call to Stripe inside a transaction")
        return method(self, *given)

    return guarded


def _stripe() -> tuple[str, int]:
    at = urlsplit(settings.STRIPE_API_BASE)
    return at.hostname or "", at.port or 443


def _peer(one: socket.socket, name: str, given: tuple[Any, ...]) -> Any:
    try:
        return given[0] if name == "connect" else one.getpeername()
    except OSError:
        return None


for _name in ("connect", "send", "sendall"):
    setattr(socket.socket, _name, _guarded(_name))
