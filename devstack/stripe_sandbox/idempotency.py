"""Idempotency keys, as https://docs.stripe.com/api/idempotent_requests describes them.

A key remembers the status and body of the request that first started to execute under it, whatever
they were, 402 and 500 included, for 24 hours. Nothing is remembered of a request that never
started: failed validation, 401, 429, or a conflict with its own twin.
"""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from devstack.stripe_sandbox.errors import InvalidRequest, KeyInUse, KeyMisused
from devstack.stripe_sandbox.store import Store

LIFETIME = 24 * 3600  # seconds
_MAX_LENGTH = 255


@dataclass(frozen=True)
class StoredReply:
    """What the first request under a key was answered."""

    status: int
    body: str
    request_id: str


@dataclass(frozen=True)
class KeyedRequest:
    """A key in its account, and what was asked for under it."""

    account: str
    key: str
    endpoint: str
    fingerprint: str


def keyed(account: str, key: str, endpoint: str, flat: Sequence[tuple[str, str]]) -> KeyedRequest:
    """Takes the fingerprint of a request. Raises InvalidRequest for a key of over 255 characters.

    The order of the parameters does not matter, their values do.
    """
    if len(key) > _MAX_LENGTH:
        raise InvalidRequest(f"Idempotency keys are up to {_MAX_LENGTH} characters long.")
    digest = hashlib.sha256(repr(sorted(flat)).encode()).hexdigest()
    return KeyedRequest(account, key, endpoint, digest)


class Keys:
    """The keys of all accounts. Which of them run is known in memory only: a killed server runs
    none, and its unfinished requests have left no effect."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._running: set[tuple[str, str]] = set()

    @contextmanager
    def claimed(self, request: KeyedRequest, now: int) -> Iterator[StoredReply | None]:
        """Holds the key while the request runs; yields the reply to repeat, or None if it is new.

        Raises KeyInUse (409) while another request holds it, KeyMisused (400) for another endpoint
        or other parameters than the first time.
        """
        name = (request.account, request.key)
        with self._lock:
            if name in self._running:
                raise KeyInUse(request.key)
            self._running.add(name)
        try:
            yield self._recall(request, now)
        finally:
            with self._lock:
                self._running.remove(name)

    def remember(self, request: KeyedRequest, reply: StoredReply, now: int) -> None:
        """Stores a reply, in the transaction of its effect, so that neither is ever alone."""
        self._store.rows(
            "INSERT OR REPLACE INTO stored_reply VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            request.account,
            request.key,
            request.endpoint,
            request.fingerprint,
            reply.status,
            reply.body,
            reply.request_id,
            now,
        )

    def _recall(self, request: KeyedRequest, now: int) -> StoredReply | None:
        found = self._store.rows(
            "SELECT endpoint, fingerprint, status, body, request_id FROM stored_reply "
            "WHERE account = ? AND key = ? AND created > ?",
            request.account,
            request.key,
            now - LIFETIME,
        )
        if not found:
            return None
        endpoint, fingerprint, status, body, request_id = found[0]
        if endpoint != request.endpoint:
            raise KeyMisused(
                request.key, f"for the same endpoint ('{request.endpoint}' vs '{endpoint}')"
            )
        if fingerprint != request.fingerprint:
            raise KeyMisused(request.key, "with the same parameters")
        return StoredReply(status, body, request_id)
