"""Delivers events, in the background, after the transaction that made them has been committed.

Stripe promises that each event arrives at least once, and neither order nor singleness:
https://docs.stripe.com/webhooks#event-ordering. The faults of kind `webhook_…` show each side.
"""

import http.client
import json
import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from devstack.stripe_sandbox import deliveries
from devstack.stripe_sandbox.faults import Faults
from devstack.stripe_sandbox.settings import SettingsBook
from devstack.stripe_sandbox.store import Json, Store

_WORKERS = 16
_FOREVER = 3600.0


@dataclass(frozen=True)
class _Job:
    """Deliveries for one worker, one after the other; each attempt is sent `copies` times."""

    ids: tuple[int, ...]
    copies: int = 1


class Courier:
    """One thread that looks what is due, and others that carry it out.

    The first also lets the sandbox's time pass, so that what happens by itself is told of.
    """

    def __init__(
        self,
        store: Store,
        faults: Faults,
        settings: SettingsBook,
        stopping: threading.Event,
        let_time_pass: Callable[[], None],
    ) -> None:
        self._store = store
        self._faults = faults
        self._settings = settings
        self._stopping = stopping
        self._let_time_pass = let_time_pass
        self._wake = threading.Event()
        self._attempted = threading.Condition()
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        # What was on its way when the sandbox was killed may have arrived or not: send it again.
        store.rows("UPDATE delivery SET state = 'pending' WHERE state = 'sending'")
        for work in (self._look, *[self._carry] * _WORKERS):
            threading.Thread(target=self._until_the_end, args=(work,), daemon=True).start()

    def wake(self) -> None:
        """There may be something to deliver, or the clock was moved."""
        self._wake.set()

    def await_first_attempts(self, request_id: str, within: float) -> None:
        """Returns when all that a request gave rise to was sent once, or after `within` seconds."""
        with self._attempted:
            self._attempted.wait_for(lambda: self._all_attempted(request_id), within)

    def release(self) -> None:
        """Sends what the fault `webhook_reversed` holds back, in the order that it has by now."""
        self._store.rows("UPDATE delivery SET state = 'pending' WHERE state = 'held'")
        self.wake()

    def _all_attempted(self, request_id: str) -> bool:
        return not self._store.rows(
            "SELECT 1 FROM delivery WHERE request = ? AND attempts = 0 "
            "AND state IN ('pending', 'sending') LIMIT 1",
            request_id,
        )

    def _until_the_end(self, work: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                work()
            except Exception:
                if not self._stopping.is_set():  # else the store was closed under this thread
                    traceback.print_exc()
                    time.sleep(0.1)

    def _look(self) -> None:
        self._wake.wait(self._until_next())
        self._wake.clear()
        self._let_time_pass()
        for delivery, event, judged in self._store.rows(
            "SELECT d.id, o.body, d.judged FROM delivery d JOIN object o ON o.id = d.event "
            "WHERE d.state = 'pending' AND d.next_at <= ? ORDER BY d.id",
            self._settings.exact_clock(),
        ):
            self._store.rows(
                "UPDATE delivery SET state = 'sending', judged = 1 WHERE id = ?", delivery
            )
            job = _Job((delivery,)) if judged else self._judge(delivery, json.loads(event))
            if job:
                self._jobs.put(job)

    def _until_next(self) -> float:
        ((due,),) = self._store.rows(
            "SELECT min(at) FROM (SELECT min(next_at) AS at FROM delivery WHERE state = 'pending' "
            "UNION ALL SELECT min(at) FROM due)"
        )
        return _FOREVER if due is None else max(due - self._settings.exact_clock(), 0)

    def _judge(self, delivery: int, event: Json) -> _Job | None:
        """What the faults make of an event's first attempt: a job, or something for later."""
        for fault in self._faults.of_event(event, self._settings.now_in_force.seed):
            match fault.kind:
                case "webhook_copies":
                    return _Job((delivery,), fault.copies)
                case "webhook_dropped":
                    self._set(delivery, "lost", error="dropped by a fault")
                    self._tell()
                case "webhook_delayed":
                    self._set(delivery, "pending", later=fault.seconds)
                case "webhook_reversed":
                    self._set(delivery, "held", fault=fault.id)
                    return self._backwards(fault.id) if fault.times == 0 else None
            return None
        return _Job((delivery,))

    def _backwards(self, fault: int) -> _Job:
        rows = self._store.rows(
            "UPDATE delivery SET state = 'sending' WHERE state = 'held' AND fault = ? RETURNING id",
            fault,
        )
        return _Job(tuple(sorted((name for (name,) in rows), reverse=True)))

    def _set(
        self, delivery: int, state: str, later: float = 0, fault: int = 0, error: str = ""
    ) -> None:
        self._store.rows(
            "UPDATE delivery SET state = ?, next_at = ?, fault = ?, error = ? WHERE id = ?",
            state,
            self._settings.exact_clock() + later,
            fault,
            error,
            delivery,
        )

    def _carry(self) -> None:
        job = self._jobs.get()
        for delivery in job.ids:
            self._attempt(delivery, job.copies)
            self._tell()

    def _tell(self) -> None:
        with self._attempted:
            self._attempted.notify_all()

    def _attempt(self, delivery: int, copies: int) -> None:
        settings = self._settings.now_in_force
        ((event, endpoint),) = self._store.rows(
            "SELECT event, endpoint FROM delivery WHERE id = ?", delivery
        )
        found = self._store.get("webhook_endpoint", endpoint)
        if found is None:
            # "If your destination has been disabled or deleted when we attempt a retry, we prevent
            # future retries of that event." https://docs.stripe.com/webhooks#automatic-retries
            self._set(delivery, "failed", error="the endpoint was deleted")
            return
        if found["status"] == "disabled":
            status, error = None, "the endpoint is disabled"
        else:
            letter = _Letter(self._store, self._settings, found, event)
            status, error = letter.send(copies)
        if status is not None and 200 <= status < 300:
            deliveries.succeeded(self._store, delivery, status)
        else:
            now, scale = self._settings.exact_clock(), settings.webhook_retry_scale
            deliveries.failed(self._store, delivery, now, scale, status, error)
        self.wake()


class _Letter:
    """One event for one endpoint, as bytes; each attempt is signed anew."""

    def __init__(self, store: Store, settings: SettingsBook, endpoint: Json, event: str) -> None:
        known = store.get("event", event) or {}
        version = endpoint["api_version"] or known["api_version"]
        self._url = urlsplit(endpoint["url"])
        self._body = json.dumps(known | {"api_version": version}, indent=2).encode()
        self._secrets = deliveries.secrets_of(store, endpoint["id"], settings.clock())
        self._timeout = settings.now_in_force.webhook_timeout_seconds

    def send(self, copies: int) -> tuple[int | None, str]:
        """Posts so many copies at once; the best answer, or None and what went wrong."""
        answers: list[tuple[int | None, str]] = []
        threads = [
            threading.Thread(target=lambda: answers.append(self._post()), daemon=True)
            for _ in range(copies)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return min(answers, key=lambda answer: answer[0] or 1000)

    def _post(self) -> tuple[int | None, str]:
        """A redirect counts as a failure, and is not followed: https://docs.stripe.com/webhooks"""
        https = self._url.scheme == "https"
        kind = http.client.HTTPSConnection if https else http.client.HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=self._timeout)
        # The receiver holds this against its own clock, so it is the real time.
        header = deliveries.signature(self._body, int(time.time()), self._secrets)
        try:
            connection.request(
                "POST",
                self._url._replace(scheme="", netloc="", fragment="").geturl() or "/",
                self._body,
                {
                    "Content-Type": "application/json; charset=utf-8",
                    "Stripe-Signature": header,
                    "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
                },
            )
            status = connection.getresponse().status
            return status, "" if status < 300 else f"answered {status}"
        except (OSError, http.client.HTTPException) as error:
            return None, f"{type(error).__name__}: {error}"
        finally:
            connection.close()
