"""Transactions that PostgreSQL breaks off for the sake of another are simply run again.

So that few are, rows are locked in one order: runs, the order, its payment, its hold, accounts.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, connection, transaction

log = logging.getLogger(__name__)

T = TypeVar("T")

#: SQLSTATE serialization_failure, deadlock_detected.
#: https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html
BROKEN_OFF = frozenset({"40001", "40P01"})
TRIES = 3


def in_transaction(work: Callable[[], T]) -> T:
    """Run `work` in a transaction of its own, up to three times if others keep breaking it off;
    after that OperationalError, which the API answers with 503.

    Inside a transaction of the caller's it runs once: only the whole of that can be run again.
    """
    for tried in range(1, TRIES + 1):
        try:
            with transaction.atomic():
                return work()
        except OperationalError as error:
            if tried == TRIES or connection.in_atomic_block or not was_broken_off(error):
                raise
            log.warning("a transaction was broken off, try %s: %s", tried, error)
    raise AssertionError("every round returns or raises")


def was_broken_off(error: BaseException) -> bool:
    """True when nothing is wrong with a transaction but the moment it ran."""
    return getattr(error.__cause__, "pgcode", None) in BROKEN_OFF
