"""Locks on something that has no row to lock."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


def lock(name: str) -> None:
    """Wait until nobody else holds `name`, and hold it until the transaction ends; two names may
    share a lock, never the reverse."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Whether nobody else works at `name`; until the end nobody else does, over any number of
    transactions. A process that dies lets go. The session must be PostgreSQL's own: no PgBouncer.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
        (mine,) = cursor.fetchone()
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
