"""`make up` from the outside: the whole of CampusG starts, survives deaths, and stops."""

import os
import re
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from devstack.process import wait_until
from devstack.state import State, is_free
from devstack.up import webhooks
from tests.devstack.conftest import Run, gone

UP = """
import sys
from pathlib import Path
from devstack.errors import StackError
from devstack.foreground import until_told_to_stop
from devstack.stack import Stack
from devstack.up import up
try:
    with until_told_to_stop():
        up(Stack(Path(sys.argv[1]), sys.argv[2].split()), sys.argv[3:], print)
except StackError as error:
    sys.exit(str(error))
"""


def processes(folder: Path) -> dict[str, int]:
    return {name: proc.pid for name, proc in State.read(folder).processes.items() if proc.alive}


@pytest.mark.story
def test_campusg_starts_survives_the_death_of_a_worker_and_of_its_database_and_stops(
    folder: Path, run: Run
) -> None:
    settings = {"DJANGO_SETTINGS_MODULE": "campusg.settings.local"}
    owner = run("-c", UP, folder, "postgres valkey stripe", "migrate", env=settings)
    while not (found := re.search(r"admin +(http\S+)", line := owner.stdout.readline())):
        assert line, owner.stderr.read()
    before = processes(folder)
    assert "STRIPE_CONNECT_WEBHOOK_SECRETS=whsec_" in (folder / "env").read_text()
    assert list(before) == [
        "valkey",
        "stripe",
        "postgres",
        "web",
        "worker",
        "beat",
        "relay",
        "notifications",
    ]

    for name in ("worker", "postgres"):
        os.kill(before[name], signal.SIGKILL)
        assert wait_until(lambda: processes(folder).get(name, before[name]) != before[name], 60)  # noqa: B023
    port = urlsplit(found[1]).port or 80
    assert wait_until(lambda: not is_free(port), 60)
    with urlopen(found[1]) as page:
        assert b"Log in" in page.read()

    after = processes(folder)
    owner.send_signal(signal.SIGINT)
    said, errors = owner.communicate(timeout=60)
    assert (owner.returncode, errors) == (0, "")
    # Who was talking to the database when it died may have died with it, and lives again.
    died = re.findall(r"(\w+) died", said)
    assert (died[0], died.count("postgres")) == ("worker", 1)
    assert {*died} <= {"worker", "postgres", "beat", "relay", "notifications"}
    assert gone(*before.values(), *after.values())


def test_a_sandbox_that_tells_this_site_already_is_not_asked_again(tmp_path: Path) -> None:
    (tmp_path / "webhooks-8000.env").write_text("STRIPE_WEBHOOK_SECRETS=whsec_1\n")
    stack: Any = SimpleNamespace(parts={"stripe": SimpleNamespace(data=tmp_path)})
    assert webhooks(stack, 8000, {}, print) == {"STRIPE_WEBHOOK_SECRETS": "whsec_1"}


def test_a_preparation_that_fails_is_quoted_and_everything_stops(folder: Path, run: Run) -> None:
    settings = {"DJANGO_SETTINGS_MODULE": "tests.devstack.settings"}
    owner = run("-c", UP, folder, "valkey", "no_such_command", env=settings)
    _, errors = owner.communicate(timeout=60)
    assert "`manage.py no_such_command` failed" in errors
    assert "Unknown command: 'no_such_command'" in errors
    assert processes(folder) == {}
