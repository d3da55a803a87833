"""The stack: the servers CampusG needs, each given by URL, found on PATH or taken from a wheel."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from devstack.errors import StackError
from devstack.kafka import Kafka
from devstack.part import Part, last_lines
from devstack.postgres import Postgres
from devstack.process import end, spawn, wait_until
from devstack.state import Proc, State, choose_port, claim, write_env
from devstack.stripe import CHECKOUT, Stripe
from devstack.valkey import Valkey

# In the order of starting: what is ready soonest first, so that the rest gets ready meanwhile.
KINDS: dict[str, type[Part]] = {kind.name: kind for kind in (Valkey, Kafka, Stripe, Postgres)}
ALL = ("postgres", "valkey", "kafka", "stripe")
DEFAULT_FOLDER = CHECKOUT / ".campusg"
READY_WITHIN = 30.0  # seconds; PostgreSQL may have to replay its log after a crash


class Stack:
    """The servers of one state folder. Start it from the main thread: children end with it."""

    def __init__(
        self,
        state_dir: Path = DEFAULT_FOLDER,
        parts: Sequence[str] = ALL,
        *,
        fresh: Sequence[str] = (),
    ) -> None:
        """`fresh` names parts whose data of an earlier start is thrown away."""
        self.folder = state_dir.resolve()
        self.names = sorted(parts, key=list(KINDS).index)
        self.fresh = fresh
        self.env: dict[str, str] = {}
        self.seconds = 0.0  # from the call of `start` until every part answered
        self.parts: dict[str, Part] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._state = State()
        self._lock: IO[str] | None = None

    def start(self) -> dict[str, str]:
        """Start every part that no URL is given for; returns the environment of their clients.

        Raises StackError, with everything stopped again, when one cannot be started.
        """
        began = time.monotonic()
        try:
            self._lock = claim(self.folder)
            self._state = State.read(self.folder)
            self._state.stop_leftovers()
            self._state.owner, self._state.given = Proc.of(os.getpid()), {}
            started = [name for name in self.names if not self._is_given(name)]
            self._state.write(self.folder)
            for name in started:
                self._prepare(name)
            for name in started:
                self._spawn(name)
            for name in started:
                self._wait_for(name)
            write_env(self.folder, self.env)
            self.seconds = time.monotonic() - began
        except OSError as error:
            self.stop()
            where = error.filename or self.folder
            raise StackError(f"{where}: {error.strerror or error}.") from error
        except BaseException:
            self.stop()
            raise
        return self.env

    def stop(self) -> None:
        """Stop every part, the last started first, and let go of the folder; data stays."""
        for name in reversed(list(self._children)):
            end(self._children.pop(name), self.parts[name].stop_signal)
        if self._lock is not None:
            self._state.owner = None
            self._state.processes = {}
            # A full disk is often why we stop; the next start copes with a stale file.
            with contextlib.suppress(OSError):
                self._state.write(self.folder)
                (self.folder / "env").unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def restart(self, name: str) -> None:
        """Stop a part if it still runs, and start it again on the same port and data."""
        end(self._children[name], self.parts[name].stop_signal)
        for patience in (0.5, 1.0, 2.0, 4.0, 8.0, 0.0):
            self._spawn(name)
            try:
                return self._wait_for(name)
            except StackError:
                # A killed PostgreSQL's own children may hold its memory for a moment.
                if self._children[name].poll() is None or not patience:
                    raise
                time.sleep(patience)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a part a signal, and after SIGKILL or SIGTERM wait until it is gone."""
        self._children[name].send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self._children[name].wait()

    def dead(self) -> list[str]:
        """The parts that were started and do not run any more."""
        return [name for name, child in self._children.items() if child.poll() is not None]

    def record(self, processes: dict[str, int]) -> None:
        """Note our processes that run beside the parts, for `status` and a later clean-up."""
        servers = {name: self._state.processes[name] for name in self._children}
        ours = {name: Proc.of(pid) for name, pid in processes.items()}
        self._state.processes = servers | ours
        self._state.write(self.folder)

    def tell(self, more: dict[str, str]) -> None:
        """Add to what clients of the servers are told, in the environment and in its file."""
        self.env |= more
        write_env(self.folder, self.env)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _is_given(self, name: str) -> bool:
        """Whether the environment names this server, other than from our own earlier start."""
        variable = KINDS[name].variable
        url = os.environ.get(variable)
        if not url or url == self._state.urls.get(name):
            return False
        self.env[variable] = self._state.given[name] = url
        if name == "stripe":
            self.env["STRIPE_SECRET_KEY"] = os.environ.get("STRIPE_SECRET_KEY", "")
        return True

    def _prepare(self, name: str) -> None:
        """Give a part its folder and port."""
        home = self.folder / name
        if name in self.fresh:
            shutil.rmtree(home, ignore_errors=True)
        home.mkdir(exist_ok=True)
        self._state.ports[name] = choose_port(name, self._state.ports)
        self.parts[name] = part = KINDS[name](home, self._state.ports[name])
        self._state.urls[name] = part.url
        if part.log.exists():
            part.log.replace(part.log.with_suffix(".log.old"))

    def _spawn(self, name: str) -> None:
        part = self.parts[name]
        launch = part.launch()
        child = spawn(
            launch.argv,
            env=launch.env,
            log=part.log,
            stop_signal=part.stop_signal,
            account=launch.account,
        )
        self._children[name] = child
        self._state.processes[name] = Proc.of(child.pid, part.stop_signal)
        self._state.write(self.folder)

    def _wait_for(self, name: str) -> None:
        part, child = self.parts[name], self._children[name]
        wait_until(lambda: child.poll() is not None or part.ready(), READY_WITHIN)
        if child.poll() is not None:
            raise StackError(
                f"{name} ended with code {child.returncode} while starting; the end of "
                f"{part.log}:\n{last_lines(part.log)}"
            )
        if not part.ready():
            raise StackError(
                f"{name} did not answer within {READY_WITHIN:.0f} s; the end of "
                f"{part.log}:\n{last_lines(part.log)}"
            )
        part.settle()
        self.env |= part.environment
