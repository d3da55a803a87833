"""Locks on something that has no row to lock, held until the transaction ends."""

from django.db import connection


def lock(name: str) -> None:
    """Wait until nobody else holds `name`; two names may share a lock, never the reverse."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
