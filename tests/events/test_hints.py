"""Listeners hear of an order once it is committed, once a transaction, and never before."""

import select

import pytest
from django.db import connection, transaction

from campusg.ids import new_id
from events.hints import tell
from events.services import record
from tests.events.facts import order_facts


@pytest.fixture
def heard(committed_db):
    """What a listener on a connection of its own has heard since the last time it was asked."""
    listener = connection.copy()
    with listener.cursor() as cursor:
        cursor.execute("LISTEN campusg_order")

    def since() -> list[str]:
        # Notifications of one connection come in order: what was told before this one is here.
        mark = str(new_id())
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('campusg_order', %s)", [mark])
        got: list[str] = []
        while mark not in got:
            assert select.select([listener.connection], [], [], 10)[0]
            listener.connection.poll()
            got += [notice.payload for notice in listener.connection.notifies]
            listener.connection.notifies.clear()
        return got[: got.index(mark)]

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


def test_a_hint_waits_for_no_disk(committed_db):
    with transaction.atomic():
        tell("order", new_id())
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)
