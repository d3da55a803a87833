"""The books' invariants: what `books.sql` asks, and the rows that answer it wrongly."""

import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from events.registry import consumers
from sagas.engine import Saga

ROWS_SHOWN = 20
#: Whether events reach their consumers: not asked where neither relay nor consumer is at work.
OF_THE_RELAY = ("I24", "I25")
_FILE = Path(__file__).with_suffix(".sql")


@dataclass(frozen=True)
class Invariant:
    """One query that finds nothing when all is right."""

    name: str
    sentence: str
    sql: str

    @property
    def number(self) -> str:
        """Its short name, such as `I07`."""
        return self.name.split()[0]


@dataclass(frozen=True)
class Violation:
    """An invariant that does not hold, how many rows break it, and the first of them."""

    invariant: Invariant
    count: int
    rows: list[dict[str, Any]]


@cache
def invariants() -> tuple[Invariant, ...]:
    """Those of `books.sql`, in its order."""
    _, *parts = re.split(r"^-- name: ", _FILE.read_text(), flags=re.MULTILINE)
    return tuple(map(_parsed, parts))


@contextmanager
def snapshot() -> Iterator[None]:
    """A read-only transaction that sees one moment, so that a system at work can be judged."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # An audit may take longer than any request; it locks nothing.
            cursor.execute("SET LOCAL statement_timeout = 0")
        yield


def violations(only: Collection[str] = (), but: Collection[str] = ()) -> list[Violation]:
    """Ask everything, or those of `only`, or all `but` those, by their numbers (`I07`), inside the
    caller's transaction; empty when all is right. Raises LookupError for a number there is not."""
    numbers = {invariant.number: invariant for invariant in invariants()}
    if unknown := set(only) - set(numbers):
        raise LookupError(f"There is no {', '.join(sorted(unknown))}: {', '.join(numbers)}.")
    asked = [numbers[number] for number in only or numbers if number not in but]
    lengths = {saga.name: saga.length for saga in Saga.registry.values()}
    settings = {
        "campusg.saga_lengths": json.dumps(lengths),
        "campusg.consumers": json.dumps([consumer.name for consumer in consumers()]),
        # Each goes over whole tables once: sorted in memory, and not compiled, which would take
        # longer than most of them.
        "work_mem": "64MB",
        "jit": "off",
    }
    with connection.cursor() as cursor:
        for setting, value in settings.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [setting, value])
    return list(filter(None, map(_judged, asked)))


def _judged(invariant: Invariant) -> Violation | None:
    with connection.cursor() as cursor:
        cursor.execute(invariant.sql)
        if cursor.rowcount == 0:
            return None
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchmany(ROWS_SHOWN)]
        return Violation(invariant, cursor.rowcount, rows)


def _parsed(part: str) -> Invariant:
    name, *rest = part.strip().splitlines()
    told = [line for line in rest if line.startswith("-- ")]
    query = "\n".join(rest[len(told) :])
    return Invariant(name, " ".join(line.removeprefix("-- ") for line in told), query)
