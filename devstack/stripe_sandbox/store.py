"""The sandbox's memory: Stripe objects, stored replies, faults, settings and counters, in SQLite.

One connection under one lock: every request's writes are one transaction, committed before its
answer leaves. `synchronous=NORMAL` with a write-ahead log does not wait for the disk at a commit,
but the log has been handed to the kernel by then, so a kill -9 of this process loses nothing that
was acknowledged; only a power cut could.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    created INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS object_kind ON object (kind, seq);
CREATE TABLE IF NOT EXISTS stored_reply (
    account TEXT NOT NULL, key TEXT NOT NULL, endpoint TEXT NOT NULL, fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL, body TEXT NOT NULL, request_id TEXT NOT NULL, created INTEGER NOT NULL,
    PRIMARY KEY (account, key)) STRICT;
CREATE TABLE IF NOT EXISTS fault (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS due (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, what TEXT NOT NULL,
    id TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS due_at ON due (at, seq);
CREATE TABLE IF NOT EXISTS paid_out (
    balance_transaction TEXT PRIMARY KEY, payout TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS webhook_secret (
    endpoint TEXT NOT NULL, secret TEXT NOT NULL, until INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, endpoint TEXT NOT NULL,
    request TEXT NOT NULL, state TEXT NOT NULL, next_at REAL NOT NULL, created INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, judged INTEGER NOT NULL DEFAULT 0,
    fault INTEGER NOT NULL DEFAULT 0, status INTEGER, error TEXT NOT NULL DEFAULT '') STRICT;
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (state, next_at);
CREATE INDEX IF NOT EXISTS delivery_event ON delivery (event);
CREATE INDEX IF NOT EXISTS delivery_request ON delivery (request) WHERE attempts = 0;
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS counter (
    kind TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (kind, name)) STRICT;
CREATE INDEX IF NOT EXISTS balance_by_status ON object (kind, json_extract(body, '$.status'),
    json_extract(body, '$.currency'), json_extract(body, '$.net'))
    WHERE kind = 'balance_transaction';
"""

# The object fields that lists filter by; each gets an index. It begins with the
# kind, although it holds only one, so that SQLite prefers it to `object_kind`.
INDEXED = {
    "balance_transaction": ("source", "type"),
    "charge": ("customer", "payment_intent", "transfer_group"),
    "dispute": ("charge", "payment_intent"),
    "event": ("type",),
    "payment_intent": ("customer",),
    "payment_method": ("customer",),
    "setup_intent": ("customer", "payment_method"),
    "setup_attempt": ("setup_intent",),
    "refund": ("charge", "payment_intent", "pending_reason"),
    "transfer": ("destination", "source_transaction", "transfer_group"),
    "transfer_reversal": ("transfer",),
    "webhook_endpoint": ("url",),
}


class Store:
    """Opens (or makes) the state file; `close` leaves it whole for the next start."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        for kind, fields in INDEXED.items():
            for field in fields:
                self._db.execute(
                    f"CREATE INDEX IF NOT EXISTS {kind}_by_{field} ON object "
                    f"(kind, json_extract(body, '$.{field}'), seq) WHERE kind = '{kind}'"
                )

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Holds the lock, so that a request sees one state of the world."""
        with self._lock:
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside are kept together, or none if an exception leaves the block."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of one statement; the statement is this package's own text."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def count(self, kind: str, name: str, by: int = 1) -> None:
        """Adds to a counter."""
        self.rows(
            "INSERT INTO counter VALUES (?, ?, ?) "
            "ON CONFLICT (kind, name) DO UPDATE SET value = value + excluded.value",
            kind,
            name,
            by,
        )

    def schedule(self, at: int, what: str, name: str) -> None:
        """Notes that something happens to an object at a time; `later.py` knows what."""
        self.rows("INSERT INTO due (at, what, id) VALUES (?, ?, ?)", at, what, name)

    def is_due(self, now: int) -> bool:
        """Whether there is anything to take."""
        return bool(self.rows("SELECT 1 FROM due WHERE at <= ? LIMIT 1", now))

    def take_due(self, now: int) -> list[tuple[str, str]]:
        """Removes what is due by now, and returns it in the order of its times."""
        taken = self.rows("SELECT what, id FROM due WHERE at <= ? ORDER BY at, seq", now)
        self.rows("DELETE FROM due WHERE at <= ?", now)
        return [(what, name) for what, name in taken]

    def insert(self, obj: Json) -> None:
        """Keeps a new Stripe object; its `object` field is its kind."""
        self.rows(
            "INSERT INTO object (id, kind, created, body) VALUES (?, ?, ?, ?)",
            obj["id"],
            obj["object"],
            obj["created"],
            json.dumps(obj),
        )

    def update(self, obj: Json) -> None:
        """Replaces an object that is already kept."""
        self.rows("UPDATE object SET body = ? WHERE id = ?", json.dumps(obj), obj["id"])

    def get(self, kind: str, name: str) -> Json | None:
        """The object of that kind and id, or None."""
        found = self.rows("SELECT body FROM object WHERE id = ? AND kind = ?", name, kind)
        return json.loads(found[0][0]) if found else None

    def kind_of(self, name: str) -> str:
        """The kind of the object with that id, or nothing if there is no such object."""
        found = self.rows("SELECT kind FROM object WHERE id = ?", name)
        return found[0][0] if found else ""

    def seq(self, kind: str, name: str) -> int | None:
        """The place of an object in the order of creation, or None if there is no such object."""
        found = self.rows("SELECT seq FROM object WHERE id = ? AND kind = ?", name, kind)
        return found[0][0] if found else None

    def find(
        self,
        kind: str,
        *,
        limit: int,
        fields: Mapping[str, str],
        conditions: Sequence[tuple[str, int | str | None]] = (),
        oldest_first: bool = False,
    ) -> list[Json]:
        """Up to `limit` objects whose fields have these values, by order of creation.

        `conditions` are comparisons such as `("created >= ?", 1700000000)` or `("seq < ?", 12)`.
        """
        # The kind stands in the text, because a partial index is not found through a placeholder.
        where, values = [f"kind = '{kind}'"], list[str]()
        for field, value in fields.items():
            where.append(f"json_extract(body, '$.{field}') = ?")
            values.append(value)
        where += [comparison for comparison, _ in conditions]
        found = self.rows(
            f"SELECT body FROM object WHERE {' AND '.join(where)} "
            f"ORDER BY seq {'ASC' if oldest_first else 'DESC'} LIMIT ?",
            *values,
            *(value for _, value in conditions),
            limit,
        )
        return [json.loads(body) for (body,) in found]
