"""A topic of a test's own at the real broker, and messages in it as the relay writes them."""

from contextlib import closing
from typing import Any
from uuid import UUID

from django.db import transaction

from campusg.ids import new_id
from events import kafka
from events.envelope import Message, to_message
from events.models import OutboxEvent
from events.services import record
from events.topics import dlq_name
from tests.events.facts import order_facts

PARTITIONS = 3


class Feed:
    """A topic, the dead-letter topic of its only consumer, and a producer."""

    def __init__(self) -> None:
        self.name = f"test-{new_id().hex}"
        self.group = f"group-{new_id().hex}"
        self.create(self.name, PARTITIONS)
        self.create(dlq_name(self.name, self.group), 1)
        self._producer = kafka.producer()

    @staticmethod
    def create(name: str, partitions: int) -> None:
        """Make a topic of that name."""
        with closing(kafka.admin()) as admin:
            admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1}})

    def close(self) -> None:
        """Let go of the broker."""
        self._producer.close(timeout=1)

    def publish(self, *messages: Message, partition: int | None = None) -> None:
        """Write them in this order; returns once the broker has all."""
        sent = [
            self._producer.send(
                self.name,
                key=message.key,
                value=message.value,
                headers=message.headers,
                partition=partition,
            )
            for message in messages
        ]
        for future in sent:
            future.get(10)


def recorded(order_id: UUID | None = None, count: int = 1, **data: Any) -> list[Message]:
    """The next so many events of one order, committed to the outbox, as messages."""
    order_id = order_id or new_id()
    with transaction.atomic():
        for _ in range(count):
            record(type="order.created", order_id=order_id, data=order_facts(**data))
    newest = OutboxEvent.objects.filter(aggregateid=order_id).order_by("-aggversion")[:count]
    return [to_message(row) for row in reversed(newest)]


def nonsense() -> Message:
    """What no relay of ours has written."""
    return Message("", b"key", [("ce_specversion", b"1.0")], b"{")
