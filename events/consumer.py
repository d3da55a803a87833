"""The consumer: an event's effect and its inbox row commit first, then its offset moves.

What fails is tried again while its partition waits and the others go on; then it is a dead letter.
A partition changes hands only inside `poll`, and `poll` is called only when the offsets of all that
is done are committed: so a rebalance finds nothing half done, and what a late commit loses comes
again and is a duplicate.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import (
    AuthorizationError,
    CommitFailedError,
    FencedInstanceIdError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from events import inbox, kafka
from events.dead_letters import DeadLetters
from events.envelope import Malformed, from_message
from events.inbox import Consumer
from events.membership import Membership

log = logging.getLogger(__name__)

#: Handled in one transaction when all goes well.
BATCH = 200
#: A look at the broker, and the rest after one that found little: so a busy hour is not one tiny
#: batch after the other. Where a broker answers an empty fetch at once, as the embedded one does
#: (others hold it until there is something), asking on without a rest took a whole core.
POLL_MS = 20
REST = 0.05
#: A look while partitions are dealt out, without a rest after it (`events.membership`).
JOIN_MS = 1000
TRIES = 5
#: Seconds between two looks at a database or a broker that is away.
AWAY = 1.0
#: Our place in the group is lost; what we have done is delivered again, to us or to another.
MOVED_ON = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
#: Nothing that waiting would heal.
HOPELESS = (AuthorizationError, FencedInstanceIdError)


@dataclass
class Waiting:
    """The message that holds up a partition: where, how often it failed, when it is due again."""

    offset: int
    tries: int
    due: float  # by the monotonic clock


class Runner:
    """One process of a consumer's group. `member` names it for good: restarted, it has its
    partitions back at once; two at work under one name drive each other out."""

    def __init__(self, consumer: Consumer, member: str = "0") -> None:
        self.consumer = consumer
        self.member = f"{consumer.name}-{member}"
        self._stopping = threading.Event()
        self._kafka: KafkaConsumer | None = None
        self._membership = Membership(self.member)
        self._letters = DeadLetters(consumer)
        self._waiting: dict[TopicPartition, Waiting] = {}
        self._done: dict[TopicPartition, OffsetAndMetadata] = {}

    def stop(self) -> None:
        """End after the batch at hand; safe in a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Work until stopped. Raises KafkaError for what waiting would not heal."""
        try:
            while not self._stopping.is_set():
                try:
                    self.turn()
                except HOPELESS:
                    raise
                except KafkaError as error:
                    log.warning("%s: the broker is away: %s", self.member, error)
                    self._stopping.wait(AWAY)
        finally:
            self.close()

    def turn(self) -> int:
        """One look at the broker and the work found there; how many messages were done with."""
        if self._kafka is None:
            self._kafka = self._join()
        self._wake()
        done = 0
        patience = POLL_MS if self._membership.settled else JOIN_MS
        for partition, records in self._kafka.poll(timeout_ms=patience).items():
            if self._stopping.is_set():
                break
            done += self._work(partition, records)
        self._commit()
        if done < BATCH and self._membership.settled:
            self._stopping.wait(REST)
        return done

    def close(self) -> None:
        """Commit what is done and leave."""
        if self._kafka is not None:
            try:
                self._commit()
                self._kafka.close(timeout_ms=2000)
            except KafkaError as error:
                log.warning("%s: could not say good-bye: %s", self.member, error)
            self._kafka = None
        self._letters.close()
        connection.close()

    def _join(self) -> KafkaConsumer:
        group, topic = self.consumer.name, self.consumer.topic
        consumer = kafka.consumer(group=group, member=self.member, max_poll_records=BATCH)
        consumer.subscribe([topic], listener=self._membership)
        return consumer

    def _work(self, partition: TopicPartition, records: Sequence[ConsumerRecord]) -> int:
        """Do them in order, all at once if that goes well; how many were done with."""
        if partition not in self._waiting and len(records) > 1 and self._together(records):
            self._is_done(partition, records[-1])
            return len(records)
        for done, record in enumerate(records):
            if not self._alone(partition, record):
                return done
            self._is_done(partition, record)
        return len(records)

    def _together(self, records: Sequence[ConsumerRecord]) -> bool:
        """One transaction for all of them; False, with nothing done, if one of them fails."""
        try:
            events = [from_message(record.headers, record.value) for record in records]
            inbox.handle(self.consumer, events)
        except Exception as error:
            # Which one it is, and what is to be done about it, shows when they come one by one.
            log.debug("%s: a batch failed: %s", self.member, error)
            return False
        return True

    def _alone(self, partition: TopicPartition, record: ConsumerRecord) -> bool:
        """Handle one message; False when its partition has to wait for it."""
        waiting = self._waiting.get(partition)
        if waiting is None or waiting.offset != record.offset:
            waiting = Waiting(record.offset, 0, 0.0)
        elif waiting.due > time.monotonic():
            # A rebalance has forgotten that the partition is paused.
            return self._hold(partition, waiting)
        try:
            inbox.handle(self.consumer, [from_message(record.headers, record.value)])
        except Malformed as error:
            return self._bury(partition, waiting, record, f"malformed: {error.reason}")
        except Exception as error:
            return self._failed(partition, waiting, record, error)
        self._waiting.pop(partition, None)
        return True

    def _failed(
        self,
        partition: TopicPartition,
        waiting: Waiting,
        record: ConsumerRecord,
        error: Exception,
    ) -> bool:
        if isinstance(error, (DatabaseError, InterfaceError)) and _database_is_away():
            log.warning("%s: the database is away: %s", self.member, error)
            waiting.due = time.monotonic() + AWAY
            return self._hold(partition, waiting)
        waiting.tries += 1
        where = f"{partition.topic}/{partition.partition}@{record.offset}"
        told = "%s: try %d of %d failed, %s"
        log.error(told, self.member, waiting.tries, TRIES, where, exc_info=error)
        if waiting.tries >= TRIES:
            return self._bury(partition, waiting, record, f"{type(error).__name__}: {error}")
        waiting.due = time.monotonic() + settings.EVENTS_RETRY_SECONDS * 2 ** (waiting.tries - 1)
        return self._hold(partition, waiting)

    def _bury(
        self, partition: TopicPartition, waiting: Waiting, record: ConsumerRecord, reason: str
    ) -> bool:
        """Make it a dead letter; only once the broker has that does the partition go on."""
        try:
            self._letters.send(record, reason, attempts=max(waiting.tries, 1))
        except KafkaError as error:
            log.warning("%s: no dead letter could be written: %s", self.member, error)
            waiting.tries = min(waiting.tries, TRIES - 1)
            waiting.due = time.monotonic() + AWAY
            return self._hold(partition, waiting)
        self._waiting.pop(partition, None)
        return True

    def _hold(self, partition: TopicPartition, waiting: Waiting) -> bool:
        """Let the partition wait at this message; the others go on."""
        assert self._kafka is not None
        self._waiting[partition] = waiting
        self._kafka.seek(partition, waiting.offset)
        self._kafka.pause(partition)
        return False

    def _wake(self) -> None:
        """Go on with partitions whose time has come; forget those that are another's now."""
        assert self._kafka is not None
        ours = self._kafka.assignment()
        for partition, waiting in list(self._waiting.items()):
            if partition not in ours:
                del self._waiting[partition]
            elif waiting.due <= time.monotonic():
                self._kafka.resume(partition)

    def _is_done(self, partition: TopicPartition, record: ConsumerRecord) -> None:
        self._done[partition] = OffsetAndMetadata(record.offset + 1, "", -1)

    def _commit(self) -> None:
        """Tell the broker how far we are. What it does not learn now it is told at the next turn,
        as long as the partition is ours: perhaps no further message comes to be told of with it.
        Another's is delivered again, to that one. While partitions are dealt out it would refuse,
        and kafka-python would join once more."""
        if self._kafka is None or not self._membership.settled:
            return
        ours = self._kafka.assignment()
        self._done = {at: place for at, place in self._done.items() if at in ours}
        if not self._done:
            return
        try:
            self._kafka.commit(self._done)
        except MOVED_ON as error:
            log.warning("%s: our place was taken before we could commit: %s", self.member, error)
        else:
            self._done = {}


def _database_is_away() -> bool:
    """Whether a fresh connection cannot be had: then it was not the event's fault."""
    connection.close()
    try:
        connection.ensure_connection()
    except DatabaseError:
        return True
    return False
