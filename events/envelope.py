"""The envelope: CloudEvents 1.0 in Kafka's binary mode, written and read in this one place.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings

from events.catalogue import declared
from events.models import OutboxEvent

_TYPE = re.compile(r"campusg\.([a-z_]+(?:\.[a-z_]+)+)\.v\d+")
#: As many digits as a version may have: sequences are compared as text.
_DIGITS = 10


@dataclass(frozen=True)
class Event:
    """An event as a subscriber reads it; `version` counts its order's events from 1."""

    id: UUID
    type: str
    source: str
    order_id: UUID
    version: int
    time: datetime
    data: dict[str, Any]


class Message(NamedTuple):
    """An event as the broker keeps it. The key keeps an order's events in one partition."""

    topic: str
    key: bytes
    headers: list[tuple[str, bytes]]
    value: bytes


class Malformed(ValueError):
    """No event of ours: reading it again gives the same."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def source() -> str:
    """Where our events come from; with the id it makes an event unique."""
    return f"/campusg/{settings.CAMPUSG_ENV}"


def to_message(row: OutboxEvent) -> Message:
    """The message of a recorded event; raises Undeclared."""
    kind = declared(row.type)
    order_id = str(row.aggregateid)
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(row.id),
        "ce_source": source(),
        "ce_type": kind.public_name,
        "ce_subject": order_id,
        "ce_time": row.created_at.isoformat(),
        "ce_partitionkey": order_id,
        "ce_sequence": str(row.aggversion).zfill(_DIGITS),
        "ce_dataschema": kind.urn,
        "content-type": "application/json",
    }
    return Message(
        settings.EVENTS_TOPIC,
        order_id.encode(),
        [(name, value.encode()) for name, value in headers.items()],
        json.dumps(row.payload, ensure_ascii=False, separators=(",", ":")).encode(),
    )


def from_message(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Event:
    """The event that a message carries; raises Malformed."""
    try:
        said = {name.lower(): text.decode() for name, text in headers}
        if said["ce_specversion"] != "1.0":
            raise Malformed(f"CloudEvents {said['ce_specversion']} is not 1.0.")
        name = _TYPE.fullmatch(said["ce_type"])
        if name is None:
            raise Malformed(f"{said['ce_type']} is no type of ours.")
        data = json.loads(value or b"")
        if not isinstance(data, dict):
            raise Malformed("The data is no JSON object.")
        time = datetime.fromisoformat(said["ce_time"])
        if time.tzinfo is None:
            raise Malformed(f"{said['ce_time']} has no time zone.")
        return Event(
            id=UUID(said["ce_id"]),
            type=name[1],
            source=said["ce_source"],
            order_id=UUID(said["ce_subject"]),
            version=int(said["ce_sequence"]),
            time=time,
            data=data,
        )
    except Malformed:
        raise
    except KeyError as missing:
        raise Malformed(f"The header {missing.args[0]} is missing.") from missing
    except (ValueError, AttributeError) as error:
        raise Malformed(f"It cannot be read: {error}.") from error
