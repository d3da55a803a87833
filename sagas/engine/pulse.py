"""A worker's pulse: a thread that does what beat does, so that nothing depends on beat."""

import logging
import os
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
SEEN_SECONDS = 5.0
_SEEN = "sagas.engine.pulse.seen"
_SAY = """
WITH forgotten AS (DELETE FROM sagas_worker WHERE seen_at < now() - interval '1 day')
INSERT INTO sagas_worker (name, queues, failing, seen_at) VALUES (%s, %s, %s, now())
ON CONFLICT (name) DO UPDATE
SET queues = excluded.queues, failing = excluded.failing, seen_at = now()
"""


class Pulse(bootsteps.StartStopStep):
    """Runs each function named in `SAGA_PULSE`, every so many seconds, while the worker lives."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._name = f"{worker.hostname} ({os.getpid()})"
        self._failing: set[str] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._queues: list[str] = []

    def start(self, worker: Any) -> None:
        """Begin to beat."""
        self._stop.clear()
        self._queues = sorted(worker.app.amqp.queues.consume_from)
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
        rounds = {name: import_string(name) for name in settings.SAGA_PULSE}
        rounds[_SEEN] = self._seen
        every = {**settings.SAGA_PULSE, _SEEN: SEEN_SECONDS}
        due = {name: time.monotonic() + every[name] for name in rounds} | {_SEEN: 0.0}
        while not self._stop.wait(TICK_SECONDS):
            for name, one in rounds.items():
                if due[name] <= time.monotonic():
                    due[name] = time.monotonic() + every[name]
                    self._run(name, one)
        self._run(_SEEN, self._gone)
        connection.close()

    def _run(self, name: str, one: Callable[[], object]) -> None:
        try:
            one()
            self._failing.discard(name)
        except Exception:
            self._failing.add(name)
            log.exception("%s failed; it runs again soon", name)
            connection.close()

    def _seen(self) -> None:
        """Leave word that this worker lives; those unheard of for a day are forgotten."""
        with connection.cursor() as cursor:
            cursor.execute(_SAY, [self._name, self._queues, sorted(self._failing)])

    def _gone(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM sagas_worker WHERE name = %s", [self._name])
