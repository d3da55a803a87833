"""Clients of the broker: the one place that makes them, every choice that matters spelt out."""

import contextlib
from typing import Any

from django.conf import settings
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

#: The longest message we send: what a record may be, and its headers.
MESSAGE_MAX_BYTES = 80 * 1024
#: Seconds after which a send without an acknowledgement has failed.
DELIVERY_TIMEOUT = 8.0
#: Seconds to find any broker before giving up.
BOOTSTRAP_TIMEOUT = 5.0


def producer(**overrides: Any) -> KafkaProducer:
    """A producer that doubles and reorders nothing within its life. Raises KafkaError.

    After a MessageSizeTooLargeError make a new one: kafka-python 3.0 then fails every later send.
    """
    return KafkaProducer(
        **_shared(),
        **{
            # Said aloud: kafka-python drops idempotence in silence when other options conflict.
            "enable_idempotence": True,
            "acks": "all",
            "max_in_flight_requests_per_connection": 5,
            "linger_ms": 2,
            "request_timeout_ms": int(DELIVERY_TIMEOUT * 500),
            "delivery_timeout_ms": int(DELIVERY_TIMEOUT * 1000),
            "max_block_ms": int(BOOTSTRAP_TIMEOUT * 1000),
            "max_request_size": MESSAGE_MAX_BYTES * 2,
            # A misspelt name would else become a topic with somebody else's partitions.
            "allow_auto_create_topics": False,
        }
        | overrides,
    )


def abandon(producer: KafkaProducer) -> None:
    """Close it now, whatever it still tries to send."""
    # Its own close() first waits for that, and when that takes too long it closes nothing.
    producer._sender.force_close()
    with contextlib.suppress(KafkaError):
        producer.close(timeout=1)


def consumer(*, group: str, member: str, **overrides: Any) -> KafkaConsumer:
    """A consumer of `group` that commits only when told to; it has yet to subscribe.
    Raises KafkaError.

    `member` names this process among its group's for good: after a crash it gets its partitions
    back at once, under the same name, and nobody waits for the dead.
    """
    return KafkaConsumer(
        **_shared(),
        **{
            "group_id": group,
            "group_instance_id": member,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "isolation_level": "read_committed",
            "session_timeout_ms": 6000,
            "heartbeat_interval_ms": 1000,
            "request_timeout_ms": 10_000,
            "allow_auto_create_topics": False,
        }
        | overrides,
    )


def reader(*topics: str, **overrides: Any) -> KafkaConsumer:
    """Reads topics from their beginning and belongs to no group. Raises KafkaError."""
    settings_ = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    return KafkaConsumer(*topics, **_shared(), **settings_ | overrides)


def admin() -> KafkaAdminClient:
    """Makes and describes topics and groups. Raises KafkaError."""
    return KafkaAdminClient(**_shared(), request_timeout_ms=10_000)


def _shared() -> dict[str, Any]:
    return {
        "bootstrap_servers": settings.KAFKA_BOOTSTRAP_SERVERS,
        "client_id": f"campusg-{settings.CAMPUSG_ENV}",
        "bootstrap_timeout_ms": int(BOOTSTRAP_TIMEOUT * 1000),
        "reconnect_backoff_max_ms": 1000,
        "api_version": None,
    }
