"""A Celery worker as a thread of this process, where a mutant is planted: a real one, with a real
broker, in the place of the process that stories otherwise ask for."""

from contextlib import AbstractContextManager
from typing import Any

from celery.contrib.testing.worker import start_worker
from django.conf import settings

from campusg.celery import app
from tests import conftest


class ThreadWorker(conftest.Worker):
    """Takes the place of `tests.conftest.Worker`; it can't be killed, only stopped."""

    def start(self) -> "ThreadWorker":
        """Start it and wait until it takes messages."""
        settings.SAGA_FAST_PATH = self.environment.get("SAGA_FAST_PATH", "batch")
        self._running: AbstractContextManager[Any] = start_worker(
            app, pool="threads", concurrency=4, perform_ping_check=False, loglevel="INFO"
        )
        self._running.__enter__()
        return self

    def kill(self) -> None:
        """Stop it, as there is no process to kill."""
        self._running.__exit__(None, None, None)


def work_within() -> None:
    """From now on in this process every worker that a test asks for is one of these."""
    conftest.Worker = ThreadWorker  # type: ignore[misc]
