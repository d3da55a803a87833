"""A bell: wakes a loop when PostgreSQL notifies, or when somebody asks it to stop."""

import select
import socket

from django.db import connection


class Bell:
    """`wait` in one thread, `stop` from any other or from a signal handler."""

    def __init__(self, *channels: str) -> None:
        self.channels = channels
        self.stopped = False
        self._waits, self._rings = socket.socketpair()

    def listen(self) -> None:
        """Be told of what is notified to the channels, on the thread's database connection."""
        with connection.cursor() as cursor:
            for channel in self.channels:
                cursor.execute(f"LISTEN campusg_{channel}")

    def wait(self, seconds: float, *, to_hints: bool = True) -> None:
        """Return after a hint, a stop or so many seconds; with `to_hints=False` hints must wait."""
        if self.stopped:
            return
        raw = connection.connection if to_hints else None
        sources = [self._waits] if raw is None else [self._waits, raw]
        # What came with the answer to an earlier question is not on the socket any more.
        if raw is None or not raw.notifies:
            ready, _, _ = select.select(sources, [], [], seconds)
            if raw in ready:
                with connection.wrap_database_errors:
                    raw.poll()
        if raw is not None:
            # They say that there is news, not what: whoever waits looks for itself.
            raw.notifies.clear()

    def stop(self) -> None:
        """End a wait, this one and every later one."""
        self.stopped = True
        self._rings.send(b".")

    def close(self) -> None:
        """Let go of the sockets."""
        self._waits.close()
        self._rings.close()
