"""Reading the broker from outside, as any subscriber could: none of CampusG's own code."""

from collections.abc import Iterator
from contextlib import closing

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from devstack.play.evidence import Message

TOPIC = "campusg.orders.v1"
#: Who reads it, each with a topic of its dead letters.
CONSUMERS = ("notifications",)


def messages(servers: str) -> list[Message]:
    """Every message of the topic, in the order of its partition."""
    return [
        Message(
            id=said["ce_id"],
            order_id=said["ce_subject"],
            version=int(said["ce_sequence"]),
        )
        for record in _read(servers, TOPIC)
        for said in [{name: value.decode() for name, value in record.headers}]
    ]


def dead_letters(servers: str) -> int:
    """How many messages some consumer could not make use of."""
    return sum(len(list(_read(servers, f"{TOPIC}.{name}.dlq"))) for name in CONSUMERS)


def _read(servers: str, topic: str) -> Iterator[ConsumerRecord]:
    with closing(KafkaConsumer(bootstrap_servers=servers)) as reader:
        partitions = [TopicPartition(topic, n) for n in reader.partitions_for_topic(topic) or ()]
        reader.assign(partitions)
        reader.seek_to_beginning(*partitions)
        ends = reader.end_offsets(partitions) if partitions else {}
        while any(reader.position(each) < ends[each] for each in partitions):
            for batch in reader.poll(timeout_ms=200).values():
                yield from batch
