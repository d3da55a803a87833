"""The relay carries every event to the broker, each order's in order, whatever dies meanwhile."""

import io
import json
import logging
import signal
from collections import defaultdict

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from kafka.admin import ConfigResource, ConfigResourceType

from campusg.ids import new_id
from events import kafka
from events import outbox as queries
from events import relay as relays
from events.services import record
from tests import stack
from tests.conftest import eventually
from tests.events.conftest import RelayProcess, lives, raw, waiting
from tests.events.facts import order_facts

pytestmark = pytest.mark.events


def an_order_with_too_much_to_say(length):
    """The first of its two events is longer than `record` would let it be."""
    order_id = new_id()
    raw(
        "INSERT INTO events_stream (aggregatetype, aggregateid, version) VALUES ('order', %s, 1)",
        order_id,
    )
    raw(
        "INSERT INTO events_outboxevent (id, aggregatetype, aggregateid, aggversion, type, payload)"
        " VALUES (%s, 'order', %s, 1, 'order.created', jsonb_build_object('x', repeat('x', %s)))",
        new_id(), order_id, length,
    )  # fmt: skip
    with transaction.atomic():
        record(type="order.accepted", order_id=order_id, data=order_facts("ACCEPTED"))
    return order_id


def test_what_is_recorded_reaches_the_broker_once_in_order_and_is_marked(topic, relay):
    at_work = relay()
    orders = lives(5)
    topic.until(lambda read: len(read) >= 15)
    eventually(lambda: at_work.published == 15)
    assert (waiting(), len(topic.read)) == (0, 15)
    for order_id in orders:
        assert topic.versions(order_id) == [1, 2, 3]
    partitions = defaultdict(set)
    for each in topic.read:
        assert each.key == str(each.event.order_id).encode()
        partitions[each.key].add(each.partition)
    assert all(len(found) == 1 for found in partitions.values())


def test_an_event_whose_transaction_commits_late_is_not_passed_over(topic, relay, committed_db):
    late = connection.copy()
    early_number, order_id = new_id(), new_id()
    late.set_autocommit(False)
    with late.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_outboxevent (id, aggregatetype, aggregateid, aggversion, type,"
            " payload) VALUES (%s, 'order', %s, 1, 'order.created', '{}')",
            [new_id(), early_number],
        )
    relay()
    with transaction.atomic():
        record(type="order.created", order_id=order_id, data=order_facts())
    topic.until(lambda read: len(read) == 1)
    late.commit()
    late.close()
    topic.until(lambda read: len(read) == 2)
    assert [each.event.order_id for each in topic.read] == [order_id, early_number]


@pytest.mark.fault(29, 37)
def test_while_the_broker_is_down_events_wait_and_then_go_out_in_order(
    topic, relay, caplog, monkeypatch
):
    caplog.set_level(logging.INFO, "events.relay")
    relay()
    before = lives(4, length=1)
    topic.until(lambda read: len({each.event.id for each in read}) == 4)
    eventually(lambda: waiting() == 0)
    monkeypatch.setattr(kafka, "DELIVERY_TIMEOUT", 2.0)
    topic.close()
    # Not killed: the embedded broker would forget its last second, as no real one does.
    stack.current.kill("kafka", signal.SIGTERM)
    eventually(lambda: "kafka" in stack.current.dead())
    during = lives(10)
    eventually(lambda: "does not answer" in caplog.text)
    assert waiting() == 30
    stack.current.restart("kafka")
    eventually(lambda: waiting() == 0, within=40)
    topic._consumer = None
    topic.read.clear()
    topic.until(lambda read: len({each.event.id for each in read}) == 34)
    assert all(topic.versions(order_id) == [1, 2, 3] for order_id in during)
    assert all(topic.versions(order_id) == [1] for order_id in before)
    assert caplog.text.count("does not answer") == 1, "an outage is one line, however long"
    eventually(lambda: caplog.text.count("answers again after") == 1)


@pytest.mark.fault(29)
def test_a_relay_killed_amid_its_work_is_followed_by_the_one_that_waits(topic, relay_process):
    both = relay_process(), relay_process()
    eventually(lambda: all(each.log.read_text() for each in both))
    first, second = sorted(both, key=RelayProcess.at_work, reverse=True)
    assert "Another relay is at work" in second.log.read_text()
    with transaction.atomic():
        orders = lives(300, length=6)
    eventually(lambda: waiting() <= 1500, every=0.001)
    first.end(signal.SIGKILL)
    eventually(lambda: waiting() == 0)
    topic.until(lambda read: len({each.event.id for each in read}) == 1800)
    assert all(topic.versions(order_id) == [1, 2, 3, 4, 5, 6] for order_id in orders)
    assert second.end(signal.SIGTERM) == 0
    assert "The relay has stopped" in second.log.read_text()


@pytest.mark.fault(29)
def test_even_two_relays_at_work_at_once_double_at_most(topic, relay, monkeypatch):
    orders = lives(100, length=6)
    monkeypatch.setattr(relays, "BATCH", 50)
    monkeypatch.setattr(queries, "take_turn", lambda: True)  # the lock is gone
    for _ in range(3):
        relay()
    eventually(lambda: waiting() == 0)
    topic.until(lambda read: len({each.event.id for each in read}) == 600)
    assert all(topic.versions(order_id) == [1, 2, 3, 4, 5, 6] for order_id in orders)


def test_an_event_too_large_for_our_client_holds_up_its_own_order_only(topic, relay, caplog):
    others = lives(5, length=2)
    order_id = an_order_with_too_much_to_say(2_000_000)
    others += lives(5, length=2)
    relay()
    topic.until(lambda read: len(read) == 20)
    eventually(lambda: waiting() == 2)
    assert all(topic.versions(other) == [1, 2] for other in others)
    eventually(lambda: f"will not take order.created v1 of {order_id}" in caplog.text)
    assert topic.versions(order_id) == []


def test_an_event_too_large_for_the_broker_holds_up_its_own_order_only(topic, relay, caplog):
    configs = ConfigResource(ConfigResourceType.TOPIC, topic.name, {"max.message.bytes": "3000"})
    with kafka.admin() as admin:
        admin.alter_configs([configs], raise_on_unknown=False)
    stuck, others = [], []
    for _ in range(3):
        stuck.append(an_order_with_too_much_to_say(5_000))
        others += lives(10, length=2)
    relay()
    topic.until(lambda read: len({each.event.id for each in read}) == 60)
    eventually(lambda: waiting() == 6)
    assert all(topic.versions(other) == [1, 2] for other in others)
    eventually(lambda: all(f"v1 of {order_id}" in caplog.text for order_id in stuck))
    assert all(topic.versions(order_id) == [] for order_id in stuck)


@pytest.mark.fault(33)
def test_a_session_that_the_database_ends_is_taken_up_again(topic, relay):
    relay()
    lives(1, length=1)
    topic.until(lambda read: len(read) == 1)
    eventually(lambda: waiting() == 0)  # marked too, or it would rightly be told again
    raw(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE query LIKE '%%events_outboxevent%%' AND pid <> pg_backend_pid()"
    )
    lives(1, length=1)
    topic.until(lambda read: len({each.event.id for each in read}) == 2)


def test_the_status_says_what_waits_and_that_a_person_should_look(outbox):
    def status(*flags: str) -> str:
        out = io.StringIO()
        call_command("relay_events", "--status", *flags, stdout=out)
        return out.getvalue()

    eventually(lambda: not queries.lag().relay_at_work)  # of the test before
    assert "waiting: 0" in status()
    (order_id,) = lives(1, length=1)
    assert f"order.created, version 1 of order {order_id}" in status()
    found = json.loads(status("--json"))
    assert (found["waiting"], found["relay_at_work"]) == (1, False)
    raw("SET session_replication_role = replica")
    raw("UPDATE events_outboxevent SET created_at = now() - interval '2 minutes'"
        " WHERE published_at IS NULL")  # fmt: skip
    raw("RESET session_replication_role")
    with pytest.raises(SystemExit) as ended:
        status()
    assert ended.value.code == 1


def test_the_status_sees_a_relay_at_work(topic, relay):
    eventually(lambda: not queries.lag().relay_at_work)
    relay()
    eventually(lambda: queries.lag().relay_at_work)
