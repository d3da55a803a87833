"""A topic of a test's own, a relay in a thread or in a process, and what the topic holds."""

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from kafka import KafkaConsumer

from campusg.ids import new_id
from events import kafka, topics
from events.consumer import Runner
from events.envelope import Event, from_message
from events.inbox import Consumer
from events.models import OutboxEvent
from events.relay import Relay
from events.services import record
from tests import stack
from tests.conftest import ROOT, eventually, test_database_url
from tests.events.facts import order_facts
from tests.events.feed import Feed
from tests.events.readers import make_marks


class Read(NamedTuple):
    """A message as a consumer gets it."""

    key: bytes
    partition: int
    event: Event


class Topic:
    """The topic that events are published to in this test."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.read: list[Read] = []
        self._consumer: KafkaConsumer | None = None

    def until(self, enough: Callable[[list[Read]], bool], *, within: float = 45.0) -> list[Read]:
        """Read on until what was read is `enough`; everything that was read."""

        def look() -> bool:
            if self._consumer is None:
                self._consumer = kafka.reader(self.name)
            for batch in self._consumer.poll(200).values():
                self.read += [
                    Read(each.key, each.partition, from_message(each.headers, each.value))
                    for each in batch
                ]
            return enough(self.read)

        eventually(look, within=within)
        return self.read

    def versions(self, order_id: object) -> list[int]:
        """What was read of one order, each version where it came first."""
        seen = [each.event.version for each in self.read if each.event.order_id == order_id]
        return list(dict.fromkeys(seen))

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of attempts that fail kafka-python leaves the sockets to the garbage collector, which
    complains; `broker` sees to it that it does so here."""
    for item in items:
        if "broker" in getattr(item, "fixturenames", ()):
            quiet = "ignore::pytest.PytestUnraisableExceptionWarning"
            item.add_marker(pytest.mark.filterwarnings(quiet))


@pytest.fixture
def broker() -> Iterator[None]:
    """The broker of this run, at work again at the end."""
    yield
    if "kafka" in stack.current.dead():
        stack.current.restart("kafka")
    gc.collect()


@pytest.fixture
def outbox(committed_db: None) -> None:
    """An outbox in which nothing waits: what other tests left there is none of ours."""
    OutboxEvent.objects.filter(published_at=None).update(published_at=Now())


@pytest.fixture
def topic(
    broker: None, outbox: None, settings: object, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Topic]:
    """A topic nobody else uses, made as an operator makes it; processes are told of it too."""
    name = f"test.{new_id()}"
    settings.EVENTS_TOPIC = name  # type: ignore[attr-defined]
    monkeypatch.setenv("EVENTS_TOPIC", name)
    topics.ensure()
    topic = Topic(name)
    yield topic
    topic.close()


@pytest.fixture
def relay(topic: Topic) -> Iterator[Callable[[], Relay]]:
    """Relays in threads of ours, stopped at the end."""
    running: list[tuple[Relay, threading.Thread]] = []

    def start() -> Relay:
        relay = Relay()
        thread = threading.Thread(target=relay.run)
        thread.start()
        running.append((relay, thread))
        return relay

    yield start
    for one, thread in running:
        one.stop()
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def feed(committed_db: None) -> Iterator[Feed]:
    """A topic that nobody publishes to but the test."""
    make_marks()
    feed = Feed()
    yield feed
    feed.close()


@pytest.fixture
def new_runner() -> Iterator[Callable[..., Runner]]:
    """Consumers at work in the test's own thread, closed at the end."""
    made: list[Runner] = []

    def make(consumer: Consumer, member: str = "0") -> Runner:
        made.append(Runner(consumer, member))
        return made[-1]

    yield make
    for runner in made:
        runner.close()


class RelayProcess:
    """`manage.py relay_events` as an operator starts it."""

    def __init__(self) -> None:
        self.log = Path(settings.BASE_DIR) / ".campusg" / "test" / f"relay-{id(self)}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "relay_events"],
                cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
                env=os.environ | {"DATABASE_URL": test_database_url()},
            )  # fmt: skip

    def at_work(self) -> bool:
        """Whether it is the one that publishes."""
        return "The relay is at work" in self.log.read_text()

    def end(self, number: signal.Signals) -> int:
        """Send it a signal, wait for its end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def relay_process(topic: Topic) -> Iterator[Callable[[], RelayProcess]]:
    """Relays in processes, killed at the end."""
    made: list[RelayProcess] = []

    def start() -> RelayProcess:
        made.append(RelayProcess())
        return made[-1]

    yield start
    for one in made:
        one.end(signal.SIGKILL)
        one.log.unlink()


def lives(count: int, length: int = 3) -> list[object]:
    """So many orders, each with so many events in transactions of their own, interleaved."""
    orders = [new_id() for _ in range(count)]
    for _ in range(length):
        with transaction.atomic():
            for order_id in orders:
                record(type="order.created", order_id=order_id, data=order_facts())
    return orders


def waiting() -> int:
    """How many events nobody has published."""
    return OutboxEvent.objects.filter(published_at=None).count()


def raw(sql: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
