"""The servers of a test run, as a pytest plugin: started before Django reads its settings."""

import argparse
import os
from collections.abc import Generator
from itertools import count

import pytest

from devstack.errors import AlreadyRunning, StackError
from devstack.stack import ALL, DEFAULT_FOLDER, Stack
from devstack.stripe import CHECKOUT


def sandbox_exists() -> bool:
    return (CHECKOUT / "devstack" / "stripe_sandbox" / "__main__.py").exists()


def numbered(number: int) -> Stack:
    """A stack whose database server outlives the run, as making one takes long.

    What else an earlier run left (messages, events, charges) must not reach this one.
    """
    parts = [name for name in ALL if name != "stripe" or sandbox_exists()]
    fresh = [name for name in ALL if name != "postgres"]
    return Stack(DEFAULT_FOLDER / "test" / str(number), parts, fresh=fresh)


# The stack of this run, for tests that cut a server's life short.
current = numbered(1)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """A wrapper goes before every plain hook, pytest-django's reading of the settings included."""
    options = early_config.known_args_namespace
    if hands_out(options):
        # Its processes hear of the plugins in addopts too late, after Django's settings.
        os.environ["PYTEST_PLUGINS"] = __name__
    elif not (options.help or options.version or options.collectonly):
        start()
    return (yield)


def hands_out(options: argparse.Namespace) -> bool:
    """Whether this process only hands tests out (`pytest -n 2`), so that others need servers."""
    return bool(getattr(options, "numprocesses", 0)) and "PYTEST_XDIST_WORKER" not in os.environ


def start() -> None:
    """Start the servers in a folder that no other run uses, and point the environment at them."""
    global current
    for number in count(1):
        current = numbered(number)
        try:
            os.environ |= current.start()
        except AlreadyRunning:
            continue
        except StackError as error:
            raise pytest.UsageError(str(error)) from error
        return


def pytest_unconfigure() -> None:
    current.stop()
