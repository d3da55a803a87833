"""The topics: what is kept where, for how long, in how many partitions. Declared here only."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import TopicAlreadyExistsError

from events import kafka

#: Never changed for a topic that lives: an order's events would then be found in two partitions.
PARTITIONS = 6
#: Who reads the topic, each with a topic of what it could not make use of.
GROUPS = ("notifications",)
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
            "cleanup.policy": "delete",
            "min.insync.replicas": str(self.min_insync_replicas),
            "retention.ms": str(self.retention_ms),
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


def declared() -> list[Topic]:
    """All that there should be."""
    return [orders(), *(dead_letters(orders().name, group) for group in GROUPS)]


def ensure() -> list[str]:
    """Make what is missing and set what is set otherwise; in words, what was done.

    Nothing is done about a topic with another number of partitions: `check` tells of it. Raises
    KafkaError.
    """
    done = []
    with kafka.admin() as admin:
        there = _partitions(admin)
        for topic in declared():
            if topic.name not in there and _make(admin, topic):
                done.append(f"made {topic.name} with {topic.partitions} partitions")
            elif differing := dict(_differing(admin, topic)):
                resource = ConfigResource(ConfigResourceType.TOPIC, topic.name, topic.configs)
                admin.alter_configs([resource])
                done.append(f"set {', '.join(differing)} of {topic.name}")
    return done


def check() -> list[str]:
    """What is wrong with the topics, a sentence each, with what to do. Raises KafkaError."""
    wrong = []
    with kafka.admin() as admin:
        there = _partitions(admin)
        for topic in declared():
            if topic.name not in there:
                wrong.append(f"{topic.name} is missing: run `manage.py topics ensure`.")
            elif there[topic.name] != topic.partitions:
                wrong.append(
                    f"{topic.name} has {there[topic.name]} partitions and should have "
                    f"{topic.partitions}: an order's events could overtake each other. Stop the "
                    f"relay, let its readers finish, and make the topic anew."
                )
            for name, value in _differing(admin, topic) if topic.name in there else ():
                wrong.append(
                    f"{name} of {topic.name} is {value} and should be {topic.configs[name]}: "
                    f"run `manage.py topics ensure`."
                )
    return wrong


def _topic(name: str, partitions: int, hours: int) -> Topic:
    copies = settings.KAFKA_REPLICATION
    # With three copies one may be missing; with fewer none can be spared, or none is left.
    return Topic(name, partitions, hours * _HOUR, copies, max(1, copies - 1))


def _partitions(admin: KafkaAdminClient) -> dict[str, int]:
    """How many each declared topic that exists has."""
    found = admin.describe_topics([topic.name for topic in declared()])
    return {each["name"]: len(each["partitions"]) for each in found if not each["error_code"]}


def _make(admin: KafkaAdminClient, topic: Topic) -> bool:
    """Whether it was us who made it."""
    wanted: dict[str, Any] = {
        "num_partitions": topic.partitions,
        "replication_factor": topic.replication,
        "configs": topic.configs,
    }
    try:
        admin.create_topics({topic.name: wanted})
    except TopicAlreadyExistsError:
        return False
    return True


def _differing(admin: KafkaAdminClient, topic: Topic) -> Iterator[tuple[str, str]]:
    """What is set otherwise than declared, and to what."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic.name)
    found = admin.describe_configs([resource])["topic"][topic.name]
    for name, wanted in topic.configs.items():
        value = found[name]["value"] if name in found else "the broker's default"
        if value != wanted:
            yield name, value
