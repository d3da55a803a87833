"""A worker killed with SIGKILL, every so often."""

import time
from collections.abc import Mapping
from random import Random

from devstack.play.stage import Stage


class Killing:
    """Kills one of the workers each `every` seconds, if one is at work: where starting takes long
    nobody would ever get to work otherwise. The supervisor starts another."""

    def __init__(self, stage: Stage, random: Random, every: float) -> None:
        self._stage, self._random, self._every = stage, random, every
        self._due = time.monotonic()
        self._kills = 0

    @property
    def done(self) -> Mapping[str, int]:
        """So many kills."""
        return {"kills": self._kills}

    def act(self) -> None:
        """Kill when it is time."""
        if time.monotonic() < self._due:
            return
        if names := self._stage.workers_at_work():
            self._due = time.monotonic() + self._every
            self._stage.house.supervisor.kill_all(self._random.choice(names))
            self._kills += 1

    def end(self) -> None:
        """There is nothing to take back."""
