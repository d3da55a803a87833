"""Processes that live until they are killed, forked from one that has everything loaded: so a life
of two seconds is spent working, not importing."""

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402

from events.consumer import Runner  # noqa: E402
from events.inbox import Consumer  # noqa: E402
from events.relay import Relay  # noqa: E402
from tests.events.readers import leave_marks  # noqa: E402


def publish(topic: str) -> None:
    """What `manage.py relay_events` does."""
    settings.EVENTS_TOPIC = topic
    Relay().run()


def consume(topic: str, group: str) -> None:
    """What a consumer's command does."""
    Runner(Consumer(group, topic, leave_marks)).run()


class Life:
    """One process at a time that does `work`, killed and followed by the next at once."""

    def __init__(self, work: Callable[..., None], *arguments: str) -> None:
        self._work, self._arguments = work, arguments
        self._process: Any = None
        self.deaths = 0
        self.begin()

    def begin(self) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        self._process = context.Process(target=self._work, args=self._arguments)
        self._process.start()

    def kill(self) -> None:
        """SIGKILL it, wherever it stands; it must not have ended by itself."""
        assert self._process.exitcode is None, f"it ended by itself: {self._process.exitcode}"
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()
        self._process.close()
        self.deaths += 1


class Killer(threading.Thread):
    """Kills each of `lives` about every so many seconds, each at its own moments, until stopped."""

    def __init__(self, *lives: Life, every: float, seed: int) -> None:
        super().__init__(name="killer")
        self.lives, self.every = lives, every
        self.random = random.Random(seed)
        self.error: BaseException | None = None
        self._stopped = threading.Event()

    def run(self) -> None:
        due = {life: self._moment(life) for life in self.lives}
        try:
            while not self._stopped.wait(0.005):
                for life, moment in due.items():
                    if time.monotonic() > moment:
                        life.kill()
                        life.begin()
                        due[life] = self._moment(life)
        except BaseException as error:
            self.error = error

    def end(self) -> None:
        """Let them live from now on. Raises what went wrong."""
        self._stopped.set()
        self.join()
        if self.error:
            raise self.error

    def _moment(self, life: Life) -> float:
        # Each life a little longer: on a slow machine none would ever get anything done.
        every = min(self.every * 1.1**life.deaths, max(self.every, 2.0))
        return time.monotonic() + every * self.random.uniform(0.5, 1.5)
