"""Transactions that PostgreSQL breaks off run again, three times at most, and never in part."""

from collections.abc import Callable
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from campusg.conflicts import in_transaction
from campusg.ids import new_id
from campusg.locks import lock
from tests.threads import at_once

pytestmark = [pytest.mark.race, pytest.mark.fault(35), pytest.mark.usefixtures("committed_db")]


def crossing(first: str, second: str, meet: Barrier, done: list[str]) -> Callable[[], Any]:
    """A transaction that locks two names, and the first time meets the other half-way."""
    tries: list[int] = []

    def work() -> int:
        tries.append(1)
        lock(first)
        if len(tries) == 1:
            meet.wait()
        lock(second)
        done.append(first)
        return len(tries)

    return lambda: in_transaction(work)


def test_of_two_that_block_each_other_one_runs_again_and_both_are_done() -> None:
    one, two, meet = str(new_id()), str(new_id()), Barrier(2, timeout=10)
    done: list[str] = []
    tries = at_once([crossing(one, two, meet, done), crossing(two, one, meet, done)])
    assert sorted(tries) == [1, 2]
    assert len(done) == 2


def always_broken_off() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")


def test_after_three_tries_it_is_the_callers_to_know() -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        always_broken_off()

    with pytest.raises(OperationalError):
        in_transaction(work)
    assert len(tries) == 3


def test_inside_another_transaction_only_the_whole_could_run_again() -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        always_broken_off()

    with pytest.raises(OperationalError), transaction.atomic():
        in_transaction(work)
    assert len(tries) == 1


def test_an_error_of_another_kind_is_not_tried_again() -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    with pytest.raises(Exception, match="division by zero"):
        in_transaction(work)
    assert len(tries) == 1
