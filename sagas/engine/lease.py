"""Leases: a worker says once a second that its calls are still alive.

A lease only keeps others from repeating a call that is under way; that nothing happens twice
rests on the fence and on the operation's key.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection

log = logging.getLogger(__name__)

LEASE_SECONDS = 3
RENEW_SECONDS = 1.0

_RENEW = """
UPDATE sagas_run SET lease_until = now() + make_interval(secs => %s)
WHERE id IN (SELECT r.id FROM sagas_run r
             JOIN unnest(%s::uuid[], %s::bigint[]) AS mine(id, fence)
               ON r.id = mine.id AND r.fence = mine.fence
             WHERE r.lease_until IS NOT NULL
             FOR UPDATE OF r SKIP LOCKED)
"""


class LeaseKeeper:
    """One thread per process renews every lease its calls hold; it sleeps when there are none."""

    def __init__(self) -> None:
        self._held: dict[UUID, int] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def keep(self, run_id: UUID, fence: int) -> Iterator[None]:
        """Renew the run's lease for as long as the block runs."""
        with self._changed:
            self._held[run_id] = fence
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._renew, name="leases", daemon=True)
                self._thread.start()
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                # Unless another here has taken the run over meanwhile.
                if self._held.get(run_id) == fence:
                    del self._held[run_id]

    def _renew(self) -> None:
        stop = threading.Event()
        while not stop.wait(RENEW_SECONDS):
            with self._changed:
                while not self._held:
                    self._changed.wait()
                held = dict(self._held)
            try:
                with connection.cursor() as cursor:
                    cursor.execute(
                        _RENEW, [LEASE_SECONDS, list(map(str, held)), list(held.values())]
                    )
            except Exception:
                log.exception("leases of %s calls could not be renewed; trying again", len(held))
                connection.close()


keeper = LeaseKeeper()
