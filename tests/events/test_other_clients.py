"""A client that isn't ours, nor of our client's making, reads what the specification promises."""

import json
from collections import defaultdict

import pytest
from confluent_kafka import Consumer
from django.conf import settings

from campusg.ids import new_id
from events.models import OutboxEvent
from tests.conftest import eventually
from tests.events.conftest import lives

pytestmark = pytest.mark.events
#: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#required-attributes
REQUIRED = {"ce_id", "ce_source", "ce_specversion", "ce_type"}


def test_librdkafka_finds_keys_headers_and_order(topic, relay):
    orders = lives(8, length=4)
    relay()
    consumer = Consumer(
        {
            "bootstrap.servers": ",".join(settings.KAFKA_BOOTSTRAP_SERVERS),
            "group.id": f"test-{new_id()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic.name])
    messages = []

    def read() -> bool:
        if message := consumer.poll(0.5):
            assert message.error() is None
            messages.append(message)
        return len(messages) == 32

    eventually(read, within=40)
    consumer.close()
    sequences, partitions = defaultdict(list), defaultdict(set)
    for message in messages:
        headers = {name: value.decode() for name, value in message.headers()}
        assert headers.keys() >= REQUIRED
        assert headers["content-type"] == "application/json"
        key = message.key().decode()
        assert headers["ce_subject"] == headers["ce_partitionkey"] == key
        stored = OutboxEvent.objects.get(id=headers["ce_id"])
        assert json.loads(message.value()) == stored.payload
        sequences[key].append(headers["ce_sequence"])
        partitions[key].add(message.partition())
    in_order = [f"{version:010}" for version in (1, 2, 3, 4)]
    assert sequences == {str(order_id): in_order for order_id in orders}
    assert all(len(found) == 1 for found in partitions.values())
