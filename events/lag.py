"""How far behind a consumer is, as the broker tells it."""

from contextlib import closing
from dataclasses import dataclass

from kafka import OffsetAndMetadata, TopicPartition

from events import kafka
from events.inbox import Consumer


@dataclass(frozen=True)
class Lag:
    """One partition: where its log ends, how far the consumer has committed, what is left."""

    partition: int
    end: int
    committed: int

    @property
    def messages(self) -> int:
        """How many are still to be handled."""
        return self.end - self.committed


def lag_of(consumer: Consumer) -> list[Lag]:
    """Of each partition of its topic; none while there is no such topic. Raises KafkaError."""
    with closing(kafka.reader()) as reader:
        numbers = sorted(reader.partitions_for_topic(consumer.topic) or ())
        partitions = [TopicPartition(consumer.topic, each) for each in numbers]
        if not partitions:
            return []
        begins, ends = reader.beginning_offsets(partitions), reader.end_offsets(partitions)
    with closing(kafka.admin()) as admin:
        known = admin.list_group_offsets({consumer.name: partitions}).get(consumer.name, {})
    return [
        Lag(each.partition, ends[each], max(begins[each], _committed(known.get(each))))
        for each in partitions
    ]


def _committed(known: OffsetAndMetadata | None) -> int:
    """Nothing is committed: the consumer begins at the beginning."""
    return known.offset if known else 0
