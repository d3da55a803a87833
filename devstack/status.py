"""What runs in a state folder, seen from any process; and stopping it from there."""

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from devstack.errors import StackError
from devstack.process import wait_until
from devstack.stack import ALL, KINDS
from devstack.state import State, claim

STOPPED_WITHIN = 60.0  # seconds: every process may take its 15


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    part: str
    state: str  # up, silent (it lives but does not answer), given (by the environment), down
    url: str = ""
    pid: str = ""
    data: str = ""
    size: str = ""


def rows(folder: Path) -> Iterator[Row]:
    """One row for each part and for each process of ours."""
    state = State.read(folder)
    known = {*state.processes, *state.given}
    for name in ALL if not state.running else [name for name in ALL if name in known]:
        yield _part(folder, name, state)
    for name, proc in state.processes.items():
        if name not in KINDS:
            yield Row(name, "up" if proc.alive else "down", pid=str(proc.pid))


def table(lines: list[Row]) -> str:
    """The rows under a heading, in columns, without those that are empty."""
    cells = [tuple(each.name for each in fields(Row)), *map(astuple, lines)]
    columns = [column for column in zip(*cells, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    padded = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*columns, strict=True)
    ]
    return "\n".join(padded)


def all_up(lines: list[Row]) -> bool:
    return all(line.state in ("up", "given") for line in lines)


def stop_from_outside(folder: Path) -> bool:
    """Stop the stack of `folder`, whoever runs it; False when none ran.

    Raises StackError when its owner does not end within a minute.
    """
    owner = State.read(folder).owner
    if owner is not None and owner.alive:
        os.kill(owner.pid, signal.SIGTERM)
        if not wait_until(lambda: not owner.alive, STOPPED_WITHIN):
            raise StackError(f"Process {owner.pid}, which runs the stack in {folder}, won't stop.")
        return True
    if folder.exists():
        with claim(folder):
            state = State.read(folder)
            state.stop_leftovers()
            state.write(folder)
    return False


def _part(folder: Path, name: str, state: State) -> Row:
    data = folder / name / "data"
    size = f"{_bytes_in(data) / 1e6:.1f} MB" if data.exists() else ""
    if name in state.given and state.running:
        return Row(name, "given", _without_password(state.given[name]))
    proc = state.processes.get(name)
    if proc is None or not proc.alive:
        return Row(name, "down", data=str(data), size=size)
    part = KINDS[name](folder / name, state.ports[name])
    condition = "up" if part.ready() else "silent"
    url = _without_password(part.url)
    return Row(name, condition, url, str(proc.pid), str(data), size)


def _bytes_in(folder: Path) -> int:
    """The size of all files below; servers may remove some while we count."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _without_password(url: str) -> str:
    return re.sub(r"(://[^:/@]*:)[^@]*@", r"\1***@", url)
