"""Kombu's Redis transport, but for messages that it never stops counting.

A worker takes no more messages at a time than it has room for. An acknowledgement that got lost
with its connection left Kombu counting its message for ever: after as many as there is room for, a
worker took none any more, alive as it looked (docs/decisions, 25). The message itself stays at the
broker, and is delivered again when the visibility timeout is over.
"""

from typing import Any

from kombu.transport import redis, virtual


class QoS(redis.QoS):
    """What a worker is working on."""

    def ack(self, delivery_tag: str) -> None:
        """Done with it, whether or not the broker hears of it. Raises the connection's errors."""
        try:
            super().ack(delivery_tag)
        finally:
            virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Not ours any more, whether or not the broker hears of it. Raises as `ack` does."""
        try:
            super().reject(delivery_tag, requeue=requeue)
        finally:
            virtual.QoS.ack(self, delivery_tag)


class Channel(redis.Channel):
    """A channel whose messages are counted so."""

    QoS: Any = QoS


class Transport(redis.Transport):
    """Named by `CELERY_BROKER_TRANSPORT`."""

    Channel: Any = Channel
