"""A worker's pulse: a thread that does what beat does, so that nothing depends on beat."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1


class Pulse(bootsteps.StartStopStep):
    """Runs each function named in `SAGA_PULSE`, every so many seconds, while the worker lives."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, worker: Any) -> None:
        """Begin to beat."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)
        self._thread.start()

    def stop(self, worker: Any) -> None:
        """Beat no more; a round under way is finished."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def terminate(self, worker: Any) -> None:
        """The same when the worker is told to stop at once."""
        self.stop(worker)

    def _beat(self) -> None:
        rounds = {import_string(name): every for name, every in settings.SAGA_PULSE.items()}
        due = {one: time.monotonic() + every for one, every in rounds.items()}
        while not self._stop.wait(TICK_SECONDS):
            for one, every in rounds.items():
                if due[one] <= time.monotonic():
                    due[one] = time.monotonic() + every
                    self._run(one)
        connection.close()

    def _run(self, one: Callable[[], object]) -> None:
        try:
            one()
        except Exception:
            log.exception("%s failed; it runs again soon", one.__name__)
            connection.close()
