"""Relay and consumer are killed all the time, and every event has its one effect, in order.

`make test` takes a few orders; `make chaos-events` takes 5 000 and kills every two seconds.
"""

import os
import random
import time

import pytest
from django.db import connection, transaction

from campusg.ids import new_id
from events.models import OutboxEvent
from events.services import record
from tests.conftest import eventually, test_database_url
from tests.events.conftest import waiting
from tests.events.facts import order_facts
from tests.events.readers import make_marks

ORDERS = int(os.environ.get("CHAOS_ORDERS", "40"))
EVERY = float(os.environ.get("CHAOS_EVERY", "0.5"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.randrange(2**32)
LENGTH = 7  # events of an order that goes well
DEATHS = 3  # of each, at least


@pytest.fixture
def lives(monkeypatch):
    """Imported late: its processes are forked from one that must know where the servers are."""
    monkeypatch.setenv("DATABASE_URL", test_database_url())
    from tests.events import lives

    return lives


@pytest.mark.fault(29, 30)
@pytest.mark.events
@pytest.mark.timeout(3600)
def test_relay_and_consumer_killed_over_and_over_lose_double_and_reorder_nothing(
    topic, lives, capsys
):
    make_marks()
    group = f"group-{new_id().hex}"
    relay = lives.Life(lives.publish, topic.name)
    consumer = lives.Life(lives.consume, topic.name, group)
    killer = lives.Killer(relay, consumer, every=EVERY, seed=SEED)
    began = time.monotonic()
    killer.start()
    try:
        orders = write(lambda: min(relay.deaths, consumer.deaths))
        total = ORDERS * LENGTH
        patience = 60 + total / 50
        eventually(lambda: waiting() == 0 or killer.error, within=patience)
        eventually(lambda: effects_of(orders) >= total or killer.error, within=patience)
    finally:
        killer.end()
        relay.kill()
        consumer.kill()
    seconds = time.monotonic() - began
    topic.until(lambda read: len({each.event.id for each in read}) == total, within=patience)
    recorded = set(OutboxEvent.objects.filter(aggregateid__in=orders).values_list("id", flat=True))
    assert {each.event.id for each in topic.read} == recorded, "lost, or nobody's"
    every = list(range(1, LENGTH + 1))
    first = first_versions(topic.read)
    assert all(first[order_id] == every for order_id in orders), f"reordered; seed {SEED}"
    assert effects(orders) == dict.fromkeys(orders, every), f"not each once; seed {SEED}"
    if ORDERS > 1000:
        with capsys.disabled():
            print(  # noqa: T201
                f"\n{ORDERS} orders, {total} events, {relay.deaths} relays and "
                f"{consumer.deaths} consumers killed in {seconds:.0f} s: 0 lost, 0 out of order, "
                f"each effect once; {len(topic.read) - total} duplicates on the way; seed {SEED}"
            )


def write(deaths):
    """The events of ORDERS orders' lives, interleaved as in a busy hour; the last of them only
    once enough have died."""
    chance = random.Random(SEED)
    orders = [new_id() for _ in range(ORDERS)]
    turns = [order_id for order_id in orders for _ in range(LENGTH)]
    chance.shuffle(turns)
    for begin in range(0, len(turns), 3):
        if begin / len(turns) > deaths() / DEATHS:
            eventually(lambda begin=begin: begin / len(turns) <= deaths() / DEATHS, within=60)
        # In the order of their ids, or two of these could wait for each other.
        with transaction.atomic():
            for order_id in sorted(turns[begin : begin + 3]):
                record(type="order.created", order_id=order_id, data=order_facts())
    return orders


def first_versions(read):
    """Each order's versions, in the order in which they came first."""
    found = {}
    for each in read:
        found.setdefault(each.event.order_id, {})[each.event.version] = None
    return {order_id: list(versions) for order_id, versions in found.items()}


def effects(orders):
    """Each order's effects, in the order in which they were committed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id, array_agg(version ORDER BY id) FROM test_effect"
            " WHERE order_id = ANY(%s::uuid[]) GROUP BY order_id",
            [orders],
        )
        return dict(cursor.fetchall())


def effects_of(orders):
    """How many there are."""
    return sum(map(len, effects(orders).values()))
