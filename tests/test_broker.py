"""What becomes of a worker's room when the broker does not hear what it says."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from celery import current_app
from kombu import Producer, Queue
from redis.exceptions import ConnectionError as Lost

from campusg.broker import Transport


@pytest.mark.parametrize("say", [lambda one: one.ack(), lambda one: one.reject(requeue=True)])
@pytest.mark.fault(31)
def test_a_message_whose_acknowledgement_is_lost_takes_up_no_room(
    say: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any, **__: Any) -> None:
        raise Lost("Connection closed by server.")

    with current_app.connection_for_read() as broker:
        assert isinstance(broker.transport, Transport)
        channel = broker.channel()
        channel.basic_qos(0, 1, False)
        queue = Queue(f"room-{uuid4().hex}")(channel)
        queue.declare()
        Producer(channel).publish({}, routing_key=queue.name)
        message = queue.get()
        assert not channel.qos.can_consume()
        monkeypatch.setattr(channel, "conn_or_acquire", lost)
        with pytest.raises(Lost):
            say(message)
        assert channel.qos.can_consume()
        monkeypatch.undo()
        assert channel.client.hexists(channel.unacked_key, message.delivery_tag), (
            "the broker keeps it"
        )
        channel.qos.restore_by_tag(message.delivery_tag)
        queue.delete()
