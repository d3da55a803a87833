"""Dead letters: what a consumer could not make use of, kept at the broker with the reason.

A letter is open until its event stands in the consumer's inbox; so sending it again twice is once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from kafka import KafkaProducer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from events import inbox, kafka
from events.envelope import Event, Malformed, from_message
from events.inbox import Consumer, Outcome
from events.models import InboxEvent
from events.topics import dlq_name

REASON_MAX = 1000
#: No event of ours is longer; of a stranger's message the beginning tells enough.
VALUE_MAX = 70 * 1024
SEND_SECONDS = 10


@dataclass(frozen=True)
class Letter:
    """One dead letter. `event` is None when the message is none of ours."""

    consumer: str
    reason: str
    attempts: int
    topic: str
    partition: int
    offset: int
    died_at: datetime
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None
    event: Event | None
    is_open: bool

    @property
    def id(self) -> str:
        """Where the message stood, which is its name: `3-1042`."""
        return f"{self.partition}-{self.offset}"


class DeadLetters:
    """Where a consumer's messages end that cannot be handled."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._producer: KafkaProducer | None = None

    def send(self, record: ConsumerRecord, reason: str, *, attempts: int) -> None:
        """Write the message with the reason; returns once the broker has it. Raises KafkaError."""
        if self._producer is None:
            self._producer = kafka.producer()
        about = {
            "dlq_consumer": self._consumer.name,
            "dlq_reason": reason[:REASON_MAX],
            "dlq_attempts": str(attempts),
            "dlq_topic": record.topic,
            "dlq_partition": str(record.partition),
            "dlq_offset": str(record.offset),
        }
        try:
            self._producer.send(
                dlq_name(self._consumer.topic, self._consumer.name),
                key=record.key,
                value=record.value and record.value[:VALUE_MAX],
                headers=[
                    *((name, value or b"") for name, value in record.headers),
                    *((name, text.encode()) for name, text in about.items()),
                ],
            ).get(SEND_SECONDS)
        except Exception:
            # One that has failed may fail for ever; the next letter has a new one.
            self.close()
            raise

    def close(self) -> None:
        """Let go of the broker."""
        if self._producer is not None:
            kafka.abandon(self._producer)
            self._producer = None


def letters(consumer: Consumer) -> list[Letter]:
    """The consumer's dead letters, oldest first, each once. Raises KafkaError."""
    found = {(one.partition, one.offset): one for one in _read(consumer)}
    return list(found.values())


def redrive(consumer: Consumer, letter: Letter) -> Outcome:
    """Let the consumer handle the letter's event, here and now; a second time changes nothing.

    Raises Malformed when it carries none, and whatever the consumer raises.
    """
    if letter.event is None:
        raise Malformed("It carries no event that could be handled.")
    (outcome,) = inbox.handle(consumer, [letter.event], late=True)
    return outcome


def _read(consumer: Consumer) -> Iterator[Letter]:
    topic = dlq_name(consumer.topic, consumer.name)
    reader = kafka.reader()
    try:
        partitions = [
            TopicPartition(topic, each) for each in reader.partitions_for_topic(topic) or ()
        ]
        if not partitions:
            return
        reader.assign(partitions)
        reader.seek_to_beginning(*partitions)
        ends = reader.end_offsets(partitions)
        while any(reader.position(each) < ends[each] for each in partitions):
            for records in reader.poll(timeout_ms=500).values():
                yield from _letters(consumer, records)
    finally:
        reader.close()


def _letters(consumer: Consumer, records: list[ConsumerRecord]) -> Iterator[Letter]:
    read = [(record, _event(record)) for record in records]
    ids = [event.id for _, event in read if event]
    done = set(
        InboxEvent.objects.filter(consumer=consumer.name, event_id__in=ids).values_list(
            "event_id", flat=True
        )
    )
    for record, event in read:
        about = {name: text.decode() for name, text in record.headers if name.startswith("dlq_")}
        yield Letter(
            consumer=consumer.name,
            reason=about["dlq_reason"],
            attempts=int(about["dlq_attempts"]),
            topic=about["dlq_topic"],
            partition=int(about["dlq_partition"]),
            offset=int(about["dlq_offset"]),
            died_at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
            key=record.key,
            headers=tuple(pair for pair in record.headers if not pair[0].startswith("dlq_")),
            value=record.value,
            event=event,
            is_open=event is None or event.id not in done,
        )


def _event(record: ConsumerRecord) -> Event | None:
    try:
        return from_message(record.headers, record.value)
    except Malformed:
        return None
