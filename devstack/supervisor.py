"""The supervisor: keeps our own processes alive until it is stopped itself."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack.process import PATIENCE, spawn, wait_until

FIRST_DELAY, LONGEST_DELAY = 0.5, 5.0  # seconds before a dead process is started again
SETTLED_AFTER = 10.0  # seconds of life after which a death counts as the first


@dataclass(frozen=True)
class Command:
    """One long-lived process of ours."""

    argv: Sequence[str]
    env: Mapping[str, str]
    log_path: Path


class _Child:
    """One command and its present process."""

    def __init__(self, name: str, command: Command) -> None:
        self.name, self.command = name, command
        self.restarts = 0
        self._delay = FIRST_DELAY
        self.start()

    def start(self) -> None:
        self.process: subprocess.Popen[bytes] = spawn(
            self.command.argv,
            env=self.command.env,
            log=self.command.log_path,
            stop_signal=signal.SIGTERM,
        )
        self.started = time.monotonic()
        self.due: float | None = None  # when a dead process starts again

    def bury(self) -> float:
        """Clear up after a death; returns the seconds until the next start."""
        self.signal_group(signal.SIGKILL)  # Its own children may still hold its port.
        now = time.monotonic()
        delay = FIRST_DELAY if now - self.started > SETTLED_AFTER else self._delay
        self._delay = min(2 * delay, LONGEST_DELAY)
        self.due = now + delay
        self.restarts += 1
        return delay

    def signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


class Supervisor:
    """Runs commands, starts again what dies. A name's prefix up to a hyphen is its family."""

    def __init__(
        self,
        commands: Mapping[str, Command],
        *,
        say: Callable[[str], None] = lambda line: None,
        on_change: Callable[[dict[str, int]], None] = lambda pids: None,
    ) -> None:
        """`say` gets a line per death, `on_change` the ids of all live processes after a change."""
        self._commands = commands
        self._say, self._on_change = say, on_change
        self._children: dict[str, _Child] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._mutex = threading.RLock()

    def start(self, *, background: bool = False) -> None:
        """Start every command; with `background`, a thread then does what `poll` does."""
        for name, command in self._commands.items():
            command.log_path.parent.mkdir(parents=True, exist_ok=True)
            self._children[name] = _Child(name, command)
        self._changed()
        if background:
            self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
            self._thread.start()

    def poll(self) -> None:
        """Notice deaths and start again what is due; call it a few times a second."""
        with self._mutex:
            for child in self._children.values():
                if child.due is not None:
                    if time.monotonic() >= child.due:
                        child.start()
                        self._changed()
                elif (code := child.process.poll()) is not None:
                    delay = child.bury()
                    self._changed()
                    self._say(
                        f"{child.name} died ({_cause(code)}); it starts again in {delay:g} s "
                        f"(restart {child.restarts}). Log: {child.command.log_path}"
                    )

    def stop(self) -> None:
        """Ask all to stop at once, and kill what has not within 15 s."""
        self._stopping.set()
        with self._mutex:
            alive = [each for each in self._children.values() if each.process.poll() is None]
            for child in alive:
                child.process.terminate()
                child.process.send_signal(signal.SIGCONT)
            wait_until(lambda: all(each.process.poll() is not None for each in alive), PATIENCE)
            for child in alive:
                child.signal_group(signal.SIGKILL)
                child.process.wait()
            self._children.clear()
            self._changed()
        # Only now: the kernel ties what the thread started to the thread's own life.
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def pids(self, family: str = "") -> list[int]:
        """The ids of the live processes of one family, or of all."""
        return [each.process.pid for each in self._of(family) if each.process.poll() is None]

    def names(self, family: str = "") -> list[str]:
        """The names of all processes of one family, or of all."""
        return [each.name for each in self._of(family)]

    def restarts(self, family: str = "") -> int:
        """How often processes of one family, or of all, were started again."""
        return sum(each.restarts for each in self._of(family))

    def kill_all(self, family: str = "", number: signal.Signals = signal.SIGKILL) -> None:
        """Signal every process of one family, or of all, with the children of each."""
        with self._mutex:
            for child in self._of(family):
                if child.process.poll() is None:
                    child.signal_group(number)

    def _of(self, family: str) -> list[_Child]:
        return [
            child
            for name, child in self._children.items()
            if not family or name == family or name.startswith(f"{family}-")
        ]

    def _watch(self) -> None:
        while not self._stopping.wait(0.1):
            self.poll()

    def _changed(self) -> None:
        living = {name: each for name, each in self._children.items() if each.due is None}
        self._on_change({name: each.process.pid for name, each in living.items()})


def _cause(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
