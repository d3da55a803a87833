"""Listeners hear of an order once it is committed, once a transaction, and never before."""

import select

import pytest
from django.db import connection, transaction

from campusg.ids import new_id
from events import hints
from events.hints import tell
from events.services import record
from tests.conftest import eventually
from tests.events.facts import order_facts


@pytest.fixture
def heard(committed_db):
    """What a listener on a connection of its own has heard since the last time it was asked."""
    listener = connection.copy()
    with listener.cursor() as cursor:
        cursor.execute("LISTEN campusg_order")

    def since() -> list[str]:
        # They are told in order: what was told before this one is here when it is.
        mark = new_id()
        with transaction.atomic():
            tell("order", mark)
        got: list[str] = []
        while str(mark) not in got:
            assert select.select([listener.connection], [], [], 10)[0]
            listener.connection.poll()
            got += [notice.payload for notice in listener.connection.notifies]
            listener.connection.notifies.clear()
        return got[: got.index(str(mark))]

    # A new listener may still be told what was told just before it listened.
    since()
    yield since
    listener.close()


def test_an_event_is_told_after_its_commit_and_once(heard):
    order_id, other = new_id(), new_id()
    with transaction.atomic():
        for _ in range(2):
            record(type="order.created", order_id=order_id, data=order_facts())
        tell("order", other)
    assert heard() == [str(order_id), str(other)]


def test_what_is_rolled_back_is_not_told(heard):
    with transaction.atomic():
        tell("order", new_id())
        transaction.set_rollback(True)
    assert heard() == []


def test_what_stands_when_a_savepoint_goes_is_told(heard):
    kept = new_id()
    with transaction.atomic():
        with transaction.atomic():
            tell("order", new_id())
            transaction.set_rollback(True)
        tell("order", kept)
    assert heard() == [str(kept)]


def test_ten_transactions_in_a_moment_are_one_hint(heard):
    order_id = new_id()
    for _ in range(10):
        with transaction.atomic():
            tell("order", order_id)
    assert 1 <= len(heard()) < 10


def test_a_writer_asks_the_database_nothing_more_for_its_hints(
    committed_db, django_assert_num_queries
):
    with django_assert_num_queries(3) as asked, transaction.atomic():  # BEGIN and COMMIT count
        record(type="order.created", order_id=new_id(), data=order_facts())
    assert "INSERT" in asked.captured_queries[1]["sql"]


def test_when_its_session_is_ended_hints_are_lost_and_later_ones_are_not(heard, caplog):
    def told() -> bool:
        with transaction.atomic():
            tell("order", order_id)
        return heard() == [str(order_id)]

    order_id = new_id()
    eventually(told)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE '%pg_notify(%' AND pid <> pg_backend_pid()"
        )
    with transaction.atomic():
        tell("order", new_id())
    eventually(lambda: "hints are lost" in caplog.text)
    eventually(told)


def test_a_forked_process_tells_by_a_thread_of_its_own(heard):
    before, order_id = hints._notifier(), new_id()
    hints._forget()
    with transaction.atomic():
        tell("order", order_id)
    assert hints._notifier() is not before
    assert heard() == [str(order_id)]
