"""Consumers as processes: killed, doubled, started again; the effects are the same."""

import os
import signal
import subprocess
import sys

import pytest

from campusg.ids import new_id
from events.lag import lag_of
from tests.conftest import ROOT, eventually, test_database_url
from tests.events.feed import recorded
from tests.events.readers import consumer_of, effects, turned

pytestmark = pytest.mark.events


@pytest.fixture
def new_member(feed):
    made = []

    def make(*arguments):
        env = os.environ | {"DATABASE_URL": test_database_url()}
        argv = [sys.executable, "-m", "tests.events.member", feed.name, feed.group, *arguments]
        made.append(subprocess.Popen(argv, cwd=ROOT, env=env))
        return made[-1]

    yield make
    for process in made:
        if process.poll() is None:
            process.kill()
        process.wait()


def lag(consumer):
    return sum(one.messages for one in lag_of(consumer))


@pytest.mark.fault(30)
def test_killed_between_effect_and_offset_the_next_life_repeats_nothing(
    feed, new_member, new_runner
):
    messages = recorded(new_id(), 6)
    feed.publish(*messages)
    assert new_member("0", "dies").wait(90) == -signal.SIGKILL
    consumer = consumer_of(feed)
    assert lag(consumer) == 6, "the broker should not have heard of them"
    assert effects(messages[0].key.decode()) == [1, 2, 3, 4, 5, 6]
    turned(new_runner(consumer), lambda: lag(consumer) == 0)
    assert effects(messages[0].key.decode()) == [1, 2, 3, 4, 5, 6]


@pytest.mark.fault(30)
def test_of_two_members_one_is_killed_and_its_next_life_takes_over(feed, new_member):
    consumer = consumer_of(feed)
    orders = [new_id() for _ in range(12)]
    for order_id in orders:
        feed.publish(*recorded(order_id, 2))
    one, two = new_member("0"), new_member("1")
    eventually(lambda: lag(consumer) == 0, within=90)
    one.send_signal(signal.SIGKILL)
    one.wait()
    for order_id in orders:
        feed.publish(*recorded(order_id, 2))
    new_member("0")
    eventually(lambda: lag(consumer) == 0, within=90)
    assert [effects(order_id) for order_id in orders] == [[1, 2, 3, 4]] * 12
    two.terminate()
    assert two.wait(30) == 0
