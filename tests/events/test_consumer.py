"""A consumer at the real broker: each event has its effect once, in order, whatever goes wrong."""

import logging
from contextlib import closing, contextmanager

import psycopg2
import pytest
from django.db import connection
from kafka.errors import CommitFailedError

from campusg.ids import new_id
from events.consumer import TRIES
from events.dead_letters import letters
from events.inbox import tally
from events.lag import lag_of
from events.models import InboxEvent
from tests.conftest import test_database_url
from tests.events.feed import nonsense, recorded
from tests.events.readers import consumer_of, effects, leave_a_mark, turned

pytestmark = pytest.mark.events


def settled(consumer, count):
    """Whether so many events are in the inbox, and the broker knows of all that is done."""
    rows = InboxEvent.objects.filter(consumer=consumer.name)
    return lambda: rows.count() == count and behind(consumer) == 0


def behind(consumer):
    return sum(lag.messages for lag in lag_of(consumer))


def test_what_is_delivered_three_times_happens_once_and_in_order(feed, new_runner):
    orders = [new_id() for _ in range(5)]
    for order_id in orders:
        messages = recorded(order_id, 4)
        feed.publish(*messages, *messages, *messages[::-1])
    consumer = consumer_of(feed)
    turned(new_runner(consumer), settled(consumer, 20))
    assert [effects(order_id) for order_id in orders] == [[1, 2, 3, 4]] * 5
    assert letters(consumer) == []


def test_what_the_broker_did_not_hear_is_told_again_though_no_message_comes(
    feed, new_runner, monkeypatch
):
    consumer = consumer_of(feed)
    messages = recorded(new_id(), 2)
    runner = new_runner(consumer)
    turned(runner, lambda: runner._kafka and runner._kafka.assignment())
    feed.publish(*messages)
    commit, refused = runner._kafka.commit, []

    def once(offsets):
        if not refused:
            refused.append(offsets)
            raise CommitFailedError("a rebalance")
        commit(offsets)

    monkeypatch.setattr(runner._kafka, "commit", once)
    turned(runner, settled(consumer, 2))
    assert refused
    assert effects(messages[0].key.decode()) == [1, 2]


def test_a_version_that_comes_too_late_has_no_effect_and_a_gap_is_noticed(feed, new_runner, caplog):
    order_id = new_id()
    first, second, third, fourth = recorded(order_id, 4)
    feed.publish(first, third, second, fourth)
    consumer = consumer_of(feed)
    runner = new_runner(consumer)
    with caplog.at_level(logging.WARNING, "events.inbox"):
        turned(runner, settled(consumer, 4))
    assert effects(order_id) == [1, 3, 4]
    assert "v3 of" in caplog.text
    assert "a gap" in caplog.text
    assert "v2 of" in caplog.text
    counts = tally(consumer.name)
    assert (counts.handled, counts.ignored, counts.gaps) == (3, 1, 0)

    lost = new_id()
    feed.publish(*recorded(lost, 3)[::2])
    turned(runner, lambda: effects(lost) == [1, 3])
    assert tally(consumer.name).gaps == 1


@pytest.mark.fault(30)
def test_one_poison_message_dies_after_its_tries_and_its_partition_goes_on(feed, new_runner):
    poison, *others = (recorded(new_id(), 2) for _ in range(4))
    poisoned = dict(poison[0].headers)["ce_id"].decode()
    tried = []

    def handle(event):
        if str(event.id) == poisoned:
            tried.append(event.version)
            leave_a_mark(event)
            raise ValueError("this one never")
        leave_a_mark(event)

    feed.publish(*poison, *(message for two in others for message in two), partition=1)
    consumer = consumer_of(feed, handle)
    turned(new_runner(consumer), settled(consumer, 7))

    (letter,) = letters(consumer)
    assert letter.reason == "ValueError: this one never"
    assert (letter.attempts, letter.topic, letter.partition, letter.offset) == (
        TRIES, feed.name, 1, 0,
    )  # fmt: skip
    assert (letter.consumer, letter.is_open) == (consumer.name, True)
    assert (str(letter.event.id), letter.key) == (poisoned, poison[0].key)
    # The first try was that of the whole batch.
    assert len(tried) == TRIES + 1
    # What it did was taken back each time; what came after it had its effect.
    assert effects(poison[0].key.decode()) == [2]
    assert all(effects(two[0].key.decode()) == [1, 2] for two in others)


def test_a_message_of_nobody_s_dies_at_once_with_its_reason(feed, new_runner):
    good = recorded(new_id(), 2)
    feed.publish(good[0], nonsense(), good[1], partition=2)
    consumer = consumer_of(feed)
    turned(new_runner(consumer), settled(consumer, 2))
    (letter,) = letters(consumer)
    assert (letter.reason, letter.attempts, letter.event) == (
        "malformed: The header ce_type is missing.", 1, None,
    )  # fmt: skip
    assert (letter.value, letter.headers) == (b"{", (("ce_specversion", b"1.0"),))
    assert effects(good[0].key.decode()) == [1, 2]


def test_while_one_partition_waits_the_others_go_on(feed, new_runner, settings):
    settings.EVENTS_RETRY_SECONDS = 3600
    ill, well = recorded(new_id(), 2), recorded(new_id(), 2)
    feed.publish(*ill, partition=0)

    def handle(event):
        if str(event.order_id) == ill[0].key.decode():
            raise ValueError("not now")
        leave_a_mark(event)

    consumer = consumer_of(feed, handle)
    runner = new_runner(consumer)
    turned(runner, lambda: runner._waiting)
    feed.publish(*well, partition=1)
    turned(runner, lambda: effects(well[0].key.decode()) == [1, 2])
    assert [lag.messages for lag in lag_of(consumer)] == [2, 0, 0]
    assert letters(consumer) == []


@contextmanager
def no_database():
    """Our connection breaks and no new one is let in; the server runs on for everybody else."""
    name = connection.settings_dict["NAME"]
    url = test_database_url().rpartition("/")[0] + "/postgres"
    with closing(psycopg2.connect(url)) as server, server.cursor() as cursor:
        server.autocommit = True
        ours = connection.connection.info.backend_pid
        cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            cursor.execute("SELECT pg_terminate_backend(%s)", [ours])
            yield
        finally:
            cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@pytest.mark.fault(33)
def test_without_the_database_it_waits_and_nothing_is_lost_or_dies(feed, new_runner, monkeypatch):
    monkeypatch.setattr("events.consumer.AWAY", 0.01)
    orders = [recorded(new_id(), 3) for _ in range(6)]
    consumer = consumer_of(feed)
    runner = new_runner(consumer)
    turned(runner, lambda: runner._kafka.assignment())
    with no_database():
        for messages in orders:
            feed.publish(*messages)
        for _ in range(2 * TRIES):
            runner.turn()
        assert behind(consumer) == 18
    turned(runner, settled(consumer, 18))
    assert [effects(messages[0].key.decode()) for messages in orders] == [[1, 2, 3]] * 6
    assert letters(consumer) == []
