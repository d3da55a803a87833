"""A member's place in its group: while partitions are dealt out anew, a poll has to see it through.

kafka-python 3.0 (`coordinator/base.py`, join_group_async) forgets a join that was answered while
nobody polled, and joins again; the other members have to follow, and what of theirs was answered
meanwhile is forgotten in turn. Consumers that rest between short polls never got out of that.
"""

import logging
from collections.abc import Iterable

from kafka import ConsumerRebalanceListener, TopicPartition

log = logging.getLogger(__name__)


class Membership(ConsumerRebalanceListener):
    """Whether our partitions are dealt out; kafka-python tells it from a thread of its own."""

    def __init__(self, member: str) -> None:
        self.member = member
        self.settled = False

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """The dealing begins; also called for partitions that are lost already."""
        self.settled = False

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """It is done."""
        self.settled = True
        numbers = ", ".join(str(number) for number in sorted(each.partition for each in assigned))
        log.info("%s has partitions: %s", self.member, numbers or "none")
