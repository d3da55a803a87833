"""Hints: who waits for news of something is told by PostgreSQL once it is committed (ADR 12)."""

import contextlib
import logging
import os
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any
from uuid import UUID

import psycopg2
from django.db import connection, transaction

#: Seconds in which hints gather: of what changes ten times a moment, others hear once.
GATHER = 0.01
# Nothing is lost with a hint but a moment, so none waits for the disk.
_NOTIFY = """
    WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
    SELECT pg_notify('campusg_' || hint.channel, hint.key)
      FROM quick, unnest(%s::text[], %s::text[]) AS hint (channel, key)
"""

logger = logging.getLogger(__name__)
Hint = tuple[str, str]  # channel, key


def tell(channel: str, key: UUID) -> None:
    """Once the present transaction is committed, `NOTIFY campusg_<channel>` with this key.

    A hint may get lost; whoever listens looks for itself now and then, too.
    """
    # One callback a transaction. It goes with the savepoint that it was registered in, as then
    # does everything that was told since.
    for waiting in connection.run_on_commit:
        callback = waiting[1]
        if isinstance(callback, _Hints):
            callback.told[channel, str(key)] = None
            return
    hints = _Hints()
    hints.told[channel, str(key)] = None
    transaction.on_commit(hints)


class _Hints:
    """What one transaction has to tell, each thing once. Called when it is committed."""

    def __init__(self) -> None:
        self.told: dict[Hint, None] = {}

    def __call__(self) -> None:
        _notifier().hints.put(self.told)


class _Notifier(threading.Thread):
    """Tells in the background, many at once, on a connection of its own: a transaction that
    notifies locks the database's queue, and no writer shall wait for that or for the way there."""

    def __init__(self) -> None:
        super().__init__(name="hints", daemon=True)
        self.hints: SimpleQueue[dict[Hint, None]] = SimpleQueue()
        self._session: Any = None

    def run(self) -> None:
        while True:
            told = dict(self.hints.get())
            time.sleep(GATHER)
            with contextlib.suppress(Empty):
                while True:
                    told |= self.hints.get_nowait()
            try:
                self._notify(told)
            except psycopg2.Error as error:
                why = " ".join(str(error).split())
                logger.warning("%d hints are lost; listeners look themselves: %s", len(told), why)
                self._session = None

    def _notify(self, told: dict[Hint, None]) -> None:
        if self._session is None:
            self._session = connection.get_new_connection(connection.get_connection_params())
            self._session.autocommit = True
        channels, keys = zip(*told, strict=True)
        with self._session.cursor() as cursor:
            cursor.execute(_NOTIFY, [list(channels), list(keys)])


_running: _Notifier | None = None
_starting = threading.Lock()


def _notifier() -> _Notifier:
    """This process's, started with its first hint."""
    global _running
    if _running is None:
        with _starting:
            if _running is None:
                _running = _Notifier()
                _running.start()
    return _running


def _forget() -> None:
    """Threads don't come along when a process forks."""
    global _running, _starting
    _running, _starting = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
