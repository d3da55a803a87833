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
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS counter (
    kind TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (kind, name)) STRICT;
"""

# The object fields that lists filter by; each gets an index over (kind, field, seq).
INDEXED = ("customer", "payment_intent", "transfer_group", "type")


class Store:
    """Opens (or makes) the state file; `close` leaves it whole for the next start."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        for field in INDEXED:
            self._db.execute(
                f"CREATE INDEX IF NOT EXISTS object_{field} ON object "
                f"(kind, json_extract(body, '$.{field}'), seq)"
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

    def count(self, kind: str, name: str) -> None:
        """Adds one to a counter."""
        self.rows(
            "INSERT INTO counter VALUES (?, ?, 1) "
            "ON CONFLICT (kind, name) DO UPDATE SET value = value + 1",
            kind,
            name,
        )

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
        conditions: Sequence[tuple[str, int]] = (),
        oldest_first: bool = False,
    ) -> list[Json]:
        """Up to `limit` objects whose fields have these values, by order of creation.

        `conditions` are comparisons such as `("created >=", 1700000000)` or `("seq <", 12)`.
        """
        where, values = ["kind = ?"], [kind]
        for field, value in fields.items():
            where.append(f"json_extract(body, '$.{field}') = ?")
            values.append(value)
        where += [f"{comparison} ?" for comparison, _ in conditions]
        found = self.rows(
            f"SELECT body FROM object WHERE {' AND '.join(where)} "
            f"ORDER BY seq {'ASC' if oldest_first else 'DESC'} LIMIT ?",
            *values,
            *(value for _, value in conditions),
            limit,
        )
        return [json.loads(body) for (body,) in found]
