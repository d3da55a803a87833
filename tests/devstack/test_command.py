"""`manage.py devstack` from the outside: lines, exit codes, signals, with no database anywhere."""

import signal
from pathlib import Path

import pytest

from devstack.state import State
from tests.devstack.conftest import Run, gone

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.devstack.settings"}


def devstack(run: Run, folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run `manage.py devstack …` to its end: exit code, output, errors."""
    process = run("manage.py", "devstack", *arguments, "--state-dir", folder, env=SETTINGS)
    output, errors = process.communicate(timeout=75)
    return process.returncode, output, errors


def test_a_stack_is_started_shown_and_stopped_from_three_terminals(folder: Path, run: Run) -> None:
    arguments = ["manage.py", "devstack", "start", "--parts", "valkey", "kafka"]
    owner = run(*arguments, "--state-dir", folder, env=SETTINGS)
    while "Up in" not in (line := owner.stdout.readline()):
        assert line
    pids = [proc.pid for proc in State.read(folder).processes.values()]

    code, output, _ = devstack(run, folder, "status")
    assert code == 0
    assert [line.split()[:2] for line in output.splitlines()[1:]] == [
        ["valkey", "up"],
        ["kafka", "up"],
    ]
    code, _, errors = devstack(run, folder, "start", "--parts", "valkey")
    assert (code, errors) == (
        2,
        f"CommandError: A stack already runs in {folder} (process {owner.pid}).\n",
    )
    assert devstack(run, folder, "stop") == (0, f"Stopped what ran in {folder}.\n", "")
    assert (owner.wait(40), owner.stdout.read()) == (0, "Stopped.\n")
    assert gone(*pids)

    code, output, _ = devstack(run, folder, "status")
    assert code == 1
    assert {line.split()[1] for line in output.splitlines()[1:]} == {"down"}
    assert devstack(run, folder, "stop") == (0, "Nothing ran.\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_a_closed_terminal_stop_all(
    folder: Path, run: Run, number: signal.Signals
) -> None:
    arguments = ["manage.py", "devstack", "start", "--parts", "valkey"]
    owner = run(*arguments, "--state-dir", folder, env=SETTINGS)
    while "Up in" not in (line := owner.stdout.readline()):
        assert line
    (proc,) = State.read(folder).processes.values()
    owner.send_signal(number)
    assert (owner.wait(40), owner.stderr.read()) == (0, "")
    assert gone(proc.pid)
