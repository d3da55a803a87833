"""What chaos does: one mischief after the other, drawn by chance; some of them last a while."""

import contextlib
import os
import shutil
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random

import requests

from devstack.chaos.proxy import CALM, HOST, Mood, Proxy
from devstack.play.stage import Stage
from devstack.process import children_of

#: The first is a pool of processes: its children can be killed without it.
WORKERS = {
    "worker-local": ["-c", "2", "-Q", "local"],
    "worker-remote": ["-P", "threads", "-c", "16", "-Q", "remote"],
}
#: Whoever else is killed and paused. Sweeps are a worker's, in a thread of its own, and beat's.
OTHERS = ("beat", "relay", "notifications", "web")
#: The embedded broker is not among them: killed, it forgets what it acknowledged a moment before.
DURABLE = ("postgres", "stripe")
PAUSE = (4.0, 8.0)  # seconds; a lease lasts three
MOODS = (
    Mood(delay=0.02),
    Mood(delay=0.2),
    Mood(silent=True),
    Mood(refuse=True),
    Mood(cut=0.3),
)
MOODY = (1.0, 4.0)  # seconds


class Chaos:
    """Does something each `every` seconds, on average."""

    def __init__(
        self, stage: Stage, random: Random, every: float, proxies: Mapping[str, Proxy]
    ) -> None:
        self._stage, self._house = stage, stage.house
        self._random, self._every, self._proxies = random, every, proxies
        self._counts: Counter[str] = Counter()
        self._due = time.monotonic()
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._acts: dict[Callable[[], None], int] = {
            self._kill: 4,
            self._kill_a_child: 2,
            self._pause: 3,
            self._sulk: 5,
            self._break: 2,
            self._flush: 1,
            self._forget: 1,
            self._crash: 1,
        }

    @property
    def done(self) -> Mapping[str, int]:
        """Kills, pauses, wipes of Valkey, crashes of other servers, and connections that were
        refused or broken."""
        hurt = Counter[str]()
        for proxy in self._proxies.values():
            hurt.update(proxy.counts)
        names = ("kills", "pauses", "wipes", "crashes")
        return {name: self._counts[name] for name in names} | {"cuts": hurt.total()}

    def act(self) -> None:
        """One mischief if it is time, and the end of those whose time is over."""
        now = time.monotonic()
        for due, undo in [*self._later]:
            if now >= due:
                self._later.remove((due, undo))
                undo()
        if now >= self._due:
            self._due = now + self._random.uniform(0.5, 1.5) * self._every
            (act,) = self._random.choices([*self._acts], [*self._acts.values()])
            act()

    def end(self) -> None:
        """Let everybody go on, and every connection be as it was."""
        for _, undo in self._later:
            undo()
        self._later.clear()

    def _kill(self) -> None:
        self._house.supervisor.kill_all(self._somebody())
        self._counts["kills"] += 1

    def _somebody(self) -> str:
        others = [name for name in OTHERS if name != "web" or self._site_answers()]
        return self._random.choice([*self._stage.workers_at_work(), *others])

    def _site_answers(self) -> bool:
        """Whoever is struck again and again before it is up never is; workers wait likewise."""
        try:
            return requests.get(f"{self._house.site}/healthz", timeout=0.5).ok
        except requests.RequestException:
            return False

    def _kill_a_child(self) -> None:
        children = [
            child
            for parent in self._house.supervisor.pids("worker-local")
            for child in children_of(parent)
        ]
        if children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._random.choice(children), signal.SIGKILL)
                self._counts["kills"] += 1

    def _pause(self) -> None:
        name, supervisor = self._somebody(), self._house.supervisor
        supervisor.kill_all(name, signal.SIGSTOP)
        self._counts["pauses"] += 1
        self._after(PAUSE, lambda: supervisor.kill_all(name, signal.SIGCONT))

    def _sulk(self) -> None:
        proxy = self._random.choice([*self._proxies.values()])
        proxy.feel(self._random.choice(MOODS))
        self._after(MOODY, lambda: proxy.feel(CALM))

    def _break(self) -> None:
        self._random.choice([*self._proxies.values()]).reset()

    def _flush(self) -> None:
        """Valkey forgets everything while it is at work."""
        with socket.create_connection((HOST, self._proxies["valkey"].target), timeout=5) as valkey:
            valkey.sendall(b"FLUSHALL\r\n")
            valkey.recv(64)
        self._counts["wipes"] += 1

    def _forget(self) -> None:
        """Valkey dies, and comes back without its data."""
        stack = self._house.stack
        stack.kill("valkey")
        shutil.rmtree(stack.parts["valkey"].data)
        stack.restart("valkey")
        self._counts["wipes"] += 1

    def _crash(self) -> None:
        """A server dies, and comes back with all that it had acknowledged."""
        name, stack = self._random.choice(DURABLE), self._house.stack
        stack.kill(name)
        stack.restart(name)
        self._counts["crashes"] += 1

    def _after(self, seconds: tuple[float, float], undo: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + self._random.uniform(*seconds), undo))
