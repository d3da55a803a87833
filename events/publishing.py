"""One batch of the outbox on its way to the broker, no event before its order's last is there."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from kafka import KafkaProducer
from kafka.errors import MessageSizeTooLargeError, RecordListTooLargeError

from campusg.points import Point, reach
from events import kafka
from events.catalogue import Undeclared
from events.envelope import Message, to_message
from events.models import OutboxEvent

#: Asked again, the broker says the same of the same message.
UNFIT = (MessageSizeTooLargeError, RecordListTooLargeError, Undeclared)


class Publisher:
    """Sends events in waves: of each order its next one, then, when these are acknowledged, the
    one after. So an event never overtakes another of its order, whatever fails between."""

    def __init__(self) -> None:
        self._producer: KafkaProducer | None = None

    def publish(
        self, rows: Iterable[OutboxEvent], acknowledged: Callable[[list[int]], None]
    ) -> dict[UUID, str]:
        """Send `rows`, calling `acknowledged` with their numbers wave by wave.

        Returns the orders whose next event nobody will take, with the reason; what comes after it
        stays too. Raises KafkaError when the broker does not answer; what it acknowledged before
        was told.
        """
        queues: dict[UUID, deque[OutboxEvent]] = {}
        for row in rows:
            queues.setdefault(row.aggregateid, deque()).append(row)
        unfit: dict[UUID, str] = {}
        while queues:
            wave = [queue.popleft() for queue in queues.values()]
            sent: list[OutboxEvent] = []
            _reach(Point.RELAYING, wave)
            try:
                self._send(wave, sent, unfit)
            finally:
                _reach(Point.ACKNOWLEDGED, sent)
                acknowledged([row.seq for row in sent])
            _reach(Point.MARKED, sent)
            queues = {
                order_id: queue
                for order_id, queue in queues.items()
                if queue and order_id not in unfit
            }
        return unfit

    def close(self) -> None:
        """Drop the producer and whatever it still tries to send."""
        if self._producer is not None:
            kafka.abandon(self._producer)
            self._producer = None

    def _send(
        self, wave: list[OutboxEvent], sent: list[OutboxEvent], unfit: dict[UUID, str]
    ) -> None:
        """All at once; then one by one what a neighbour may have spoilt."""
        doubtful = []
        futures = []
        for row in wave:
            try:
                futures.append((row, self._begin(to_message(row))))
            except UNFIT as error:
                unfit[row.aggregateid] = f"{row}: {error}"
        for row, future in futures:
            try:
                future.get(kafka.DELIVERY_TIMEOUT + 1)
                sent.append(row)
            except UNFIT:
                doubtful.append(row)
        for row in doubtful:
            # A producer that was told "too large" once is told so for ever (kafka-python 3.0).
            self.close()
            try:
                self._begin(to_message(row)).get(kafka.DELIVERY_TIMEOUT + 1)
                sent.append(row)
            except UNFIT as error:
                unfit[row.aggregateid] = f"{row}: {error}"
        if doubtful:
            self.close()

    def _begin(self, message: Message) -> Any:
        if self._producer is None:
            self._producer = kafka.producer()
        return self._producer.send(
            message.topic, key=message.key, value=message.value, headers=message.headers
        )


def _reach(point: Point, rows: Iterable[OutboxEvent]) -> None:
    for row in rows:
        reach(point, row.aggregateid)
