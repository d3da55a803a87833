"""A worker killed with SIGKILL, every so often."""

import time
from collections.abc import Mapping
from random import Random

from devstack.play.stage import Stage


class Killing:
    """Kills one of the workers each `every` seconds; the supervisor starts another."""

    def __init__(self, stage: Stage, random: Random, every: float) -> None:
        self._supervisor = stage.house.supervisor
        self._random, self._every = random, every
        self._due = time.monotonic()
        self._kills = 0

    @property
    def done(self) -> Mapping[str, int]:
        """So many kills."""
        return {"kills": self._kills}

    def act(self) -> None:
        """Kill when it is time."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self._every
            self._supervisor.kill_all(self._random.choice(self._supervisor.names("worker")))
            self._kills += 1

    def end(self) -> None:
        """There is nothing to take back."""
