"""Real threads with real connections, let go at the same moment."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread, current_thread
from time import monotonic, sleep
from typing import Any

from django.db import connection


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each call returned, or the exception that it raised, in the order of the calls."""
    start = Barrier(len(calls), timeout=30)

    def run(call: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            start.wait()
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def until_somebody_waits_for_me(within: float = 10.0) -> None:
    """Returns once another connection waits for a lock of this one's transaction."""
    end = monotonic() + within
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT count(*) FROM pg_locks"
                " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
            assert monotonic() < end, f"nobody waited for me within {within} s"
            sleep(0.01)


class Second:
    """What a second process does, in a thread: the same code, on a connection of its own. All that
    two processes of ours share is the database."""

    def __init__(self, deed: Callable[[], Any]) -> None:
        self._deed = deed
        self._result: Any = None
        self._thread = Thread(target=self._do)

    @property
    def came(self) -> bool:
        """Whether it has begun."""
        return self._thread.ident is not None

    @property
    def is_me(self) -> bool:
        """Whether who asks is the second."""
        return current_thread() is self._thread

    def comes_and_waits_for_me(self) -> None:
        """It begins, and comes as far as a lock of mine."""
        self._thread.start()
        until_somebody_waits_for_me()

    def comes_and_is_done(self) -> Any:
        """It begins, and nothing of mine stands in its way."""
        self._thread.start()
        return self.said()

    def said(self) -> Any:
        """What it returned, or the exception that it raised, once it is done."""
        self._thread.join(30)
        assert not self._thread.is_alive(), "it waits for what never comes"
        return self._result

    def _do(self) -> None:
        try:
            self._result = self._deed()
        except Exception as error:
            self._result = error
        finally:
            connection.close()


def raised(results: list[Any], kind: type[Exception]) -> int:
    """How many of the results are this exception."""
    return sum(isinstance(result, kind) for result in results)
