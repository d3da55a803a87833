"""Members of one group at the real broker: who joins is dealt in, and then there is peace."""

import logging
import threading

import pytest

from campusg.ids import new_id
from events.consumer import Runner
from tests.conftest import eventually
from tests.events.feed import recorded
from tests.events.readers import consumer_of, effects

pytestmark = pytest.mark.events


@pytest.fixture
def at_work():
    """Runners in threads of their own, stopped at the end."""
    running = []

    def start(consumer, member):
        runner = Runner(consumer, member)
        thread = threading.Thread(target=runner.run)
        thread.start()
        running.append((runner, thread))

    yield start
    for runner, _ in running:
        runner.stop()
    for _, thread in running:
        thread.join(30)
        assert not thread.is_alive()


def test_members_that_rest_between_their_looks_are_dealt_their_partitions_once(
    feed, at_work, monkeypatch, caplog
):
    """A join is answered while nobody polls, unless somebody sees to it."""
    monkeypatch.setattr("events.consumer.REST", 0.3)
    caplog.set_level(logging.INFO, logger="events.membership")
    consumer = consumer_of(feed)

    def dealt(member):
        mine = f"{consumer.name}-{member} has"
        return [message for message in caplog.messages if message.startswith(mine)]

    for member in ("0", "1"):
        at_work(consumer, member)
        eventually(lambda member=member: dealt(member))
    orders = [new_id() for _ in range(12)]
    for order_id in orders:
        feed.publish(*recorded(order_id, 2))
    eventually(lambda: [effects(order_id) for order_id in orders] == [[1, 2]] * 12)
    # One when it joins, one for the other's joining; once more, should a heartbeat or a join
    # be late. What this is about would go on for ever.
    assert all(len(dealt(member)) <= 6 for member in ("0", "1")), caplog.messages
    assert "has partitions: 0, 1, 2" in dealt("0")[0]
