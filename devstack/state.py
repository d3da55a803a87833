"""The state folder: who owns it, which ports and processes belong to it, what others may read."""

import fcntl
import itertools
import json
import os
import secrets
import shlex
import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path
from signal import SIGTERM, Signals
from tempfile import NamedTemporaryFile
from typing import IO

from devstack.errors import AlreadyRunning, StackError
from devstack.process import birth, end_stranger

#: Below those that systems give to whoever asks for any (Linux from 32768, others from 49152).
PORTS = range(10_000, 32_000)
_places = itertools.count(secrets.randbelow(len(PORTS)))


@dataclass(frozen=True)
class Proc:
    """A process, told apart from a later one with the same id, and how to stop it."""

    pid: int
    born: str
    stop_signal: int = SIGTERM

    @classmethod
    def of(cls, pid: int, stop_signal: int = SIGTERM) -> "Proc":
        return cls(pid, birth(pid) or "", stop_signal)

    @property
    def alive(self) -> bool:
        return birth(self.pid) == self.born


@dataclass
class State:
    """What `state.json` says; it stays after a stop, for the ports."""

    owner: Proc | None = None
    ports: dict[str, int] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)  # of the parts we started
    given: dict[str, str] = field(default_factory=dict)  # of the parts the environment names
    processes: dict[str, Proc] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        return self.owner is not None and self.owner.alive

    @classmethod
    def read(cls, folder: Path) -> "State":
        """The state of `folder`, empty when nothing was ever started there.

        Raises StackError when the folder is another user's.
        """
        try:
            raw = json.loads((folder / "state.json").read_text())
        except (FileNotFoundError, NotADirectoryError):
            return cls()
        except PermissionError as error:
            raise StackError(f"{folder} belongs to another user.") from error
        raw["owner"] = raw["owner"] and Proc(**raw["owner"])
        raw["processes"] = {name: Proc(**proc) for name, proc in raw["processes"].items()}
        return cls(**raw)

    def write(self, folder: Path) -> None:
        write_private(folder / "state.json", json.dumps(asdict(self), indent=2) + "\n")

    def stop_leftovers(self) -> None:
        """Stop what an owner that was killed left behind: our processes first, then the servers."""
        for name in reversed(list(self.processes)):
            proc = self.processes.pop(name)
            end_stranger(proc.pid, proc.born, Signals(proc.stop_signal))


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner alone: it may hold a password."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as draft:
        draft.write(text)
    Path(draft.name).replace(path)


def write_env(folder: Path, env: dict[str, str]) -> None:
    """`env` as lines that both a shell and a dotenv reader understand."""
    lines = [f"{key}={shlex.quote(value)}\n" for key, value in env.items()]
    write_private(folder / "env", "".join(lines))


def claim(folder: Path) -> IO[str]:
    """Make `folder` ours until the returned file is closed, or until we end, however we end.

    Raises AlreadyRunning, or StackError when the folder belongs to another user.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (owner := folder.stat().st_uid) != os.geteuid():
        raise StackError(
            f"{folder} was made by user {owner} and you are {os.geteuid()}: start the stack as "
            f"that user, or delete the folder and with it the development data."
        )
    lock = (folder / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        holder = State.read(folder).owner
        raise AlreadyRunning(
            f"A stack already runs in {folder}" + (f" (process {holder.pid})." if holder else ".")
        ) from None
    return lock


def choose_port(name: str, remembered: dict[str, int]) -> int:
    """The port the user fixed, else last time's if it is free, else a free one.

    Raises StackError when the fixed one is taken.
    """
    variable = f"DEVSTACK_{name.upper()}_PORT"
    if fixed := os.environ.get(variable):
        if not fixed.isdecimal() or not is_free(int(fixed)):
            raise StackError(f"{variable} asks for port {fixed}, which is taken or is no port.")
        return int(fixed)
    if name in remembered and is_free(remembered[name]):
        return remembered[name]
    while (port := free_port()) in remembered.values():
        pass  # Another part has it in mind.
    return port


def free_port() -> int:
    """A port of the loopback address on which nothing listens, and which hardly anybody is given
    before its server does: a process takes them in turn, from a place by chance, and the system has
    others to give.

    Raises StackError when there is none.
    """
    for place in itertools.islice(_places, len(PORTS)):
        if is_free(port := PORTS[place % len(PORTS)]):
            return port
    raise StackError(f"Something listens on every port from {PORTS.start} to {PORTS.stop}.")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except (OSError, OverflowError):
        return False
    return True
