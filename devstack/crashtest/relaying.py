"""The relay in the crash test: run until nothing waits, and what the broker then has."""

import os
from collections.abc import Iterable, Mapping
from threading import Event, Thread
from uuid import UUID

from django.db import connection, connections
from kafka import KafkaConsumer, TopicPartition

from events import kafka, outbox, topics
from events.envelope import from_message
from events.models import OutboxEvent
from events.relay import Relay

#: Seconds for all that waits; a relay that finds nothing to do for so long is stuck.
WITHIN = 120.0


def relay_what_waits() -> None:
    """As `manage.py relay_events` does, until the outbox is empty."""
    relay, over = Relay(), Event()

    def watch() -> None:
        while outbox.waiting(1) and not over.wait(0.02):
            pass
        connection.close()
        relay.stop()

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    relay.run()
    over.set()
    watcher.join()


def relay_in_a_process() -> None:
    """The same in a process of its own: threads of a client must not be there when we fork."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        relay_what_waits()
        os._exit(0)
    os.waitpid(child, 0)


def place_in_line(order_id: UUID, event: str) -> int:
    """Of this order's events that wait for the relay, which is the first of that type, from 1; 0
    when none is."""
    waiting = OutboxEvent.objects.filter(aggregateid=order_id, published_at__isnull=True)
    types = list(waiting.order_by("seq").values_list("type", flat=True))
    return types.index(event) + 1 if event in types else 0


def at_the_broker() -> Mapping[UUID, list[int]]:
    """Of every order, the versions that a subscriber reads, in order, each the first time."""
    found: dict[UUID, dict[int, None]] = {}
    consumer = kafka.reader()
    try:
        for headers, value in _messages(consumer):
            event = from_message(headers, value)
            found.setdefault(event.order_id, {})[event.version] = None
    finally:
        consumer.close()
    return {order_id: list(versions) for order_id, versions in found.items()}


def _messages(consumer: KafkaConsumer) -> Iterable[tuple[list[tuple[str, bytes]], bytes]]:
    """All that the topic has now."""
    topic = topics.orders()
    parts = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    consumer.assign(parts)
    ends = consumer.end_offsets(parts)
    while any(consumer.position(part) < ends[part] for part in parts):
        for records in consumer.poll(timeout_ms=1000).values():
            for record in records:
                yield record.headers, record.value
