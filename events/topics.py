"""The topics: what is kept where, for how long, in how many partitions. Declared here only."""

from dataclasses import dataclass

from django.conf import settings

#: Never changed for a topic that lives: an order's events would then be found in two partitions.
PARTITIONS = 6
_HOUR = 3600 * 1000


@dataclass(frozen=True)
class Topic:
    """One topic; `retention_ms` is how long the broker keeps a message."""

    name: str
    partitions: int
    retention_ms: int
    replication: int
    min_insync_replicas: int

    @property
    def configs(self) -> dict[str, str]:
        """What the broker is told of it, by Kafka's names."""
        return {
            "retention.ms": str(self.retention_ms),
            "min.insync.replicas": str(self.min_insync_replicas),
            "cleanup.policy": "delete",
        }


def orders() -> Topic:
    """Every event of every order."""
    return _topic(settings.EVENTS_TOPIC, PARTITIONS, settings.EVENTS_RETENTION_HOURS)


def dead_letters(topic: str, group: str) -> Topic:
    """What `group` could not make use of in `topic`, with the reason."""
    return _topic(dlq_name(topic, group), 1, settings.EVENTS_DLQ_RETENTION_HOURS)


def dlq_name(topic: str, group: str) -> str:
    """The name of a group's dead-letter topic."""
    return f"{topic}.{group}.dlq"


def _topic(name: str, partitions: int, hours: int) -> Topic:
    copies = settings.KAFKA_REPLICATION
    # With three copies one may be missing; with fewer none can be spared, or none is left.
    return Topic(name, partitions, hours * _HOUR, copies, max(1, copies - 1))
