"""The front door of events: record what happened, in the transaction that made it happen."""

import json
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from campusg.ids import new_id
from events import catalogue
from events.hints import tell

ORDER = "order"
#: CloudEvents 1.0 asks of every intermediary no more than this.
PAYLOAD_MAX_BYTES = 64 * 1024

# Counter and event in one statement: every transition of an order pays for this round trip.
# The counter's row also keeps two transactions from numbering the same order's events at once.
_RECORD = f"""
    WITH next AS (
        INSERT INTO events_stream AS stream (aggregatetype, aggregateid, version)
        VALUES ('{ORDER}', %(order_id)s, 1)
        ON CONFLICT (aggregateid, aggregatetype) DO UPDATE SET version = stream.version + 1
        RETURNING aggregatetype, aggregateid, version
    )
    INSERT INTO events_outboxevent (id, aggregatetype, aggregateid, aggversion, type, payload)
    SELECT %(id)s, aggregatetype, aggregateid, version, %(type)s, %(payload)s::jsonb FROM next
    RETURNING aggversion
"""


class Recorded(NamedTuple):
    """An event as it stands in the outbox; `version` counts its order's events from 1."""

    id: UUID
    order_id: UUID
    type: str
    version: int


def record(*, type: str, order_id: UUID, data: dict[str, Any]) -> Recorded:  # noqa: A002
    """Write one event about an order into the outbox.

    `type` is one of the catalogue's (`order.created`). `data` is JSON: ids, amounts in minor units,
    never a secret. Whoever listens for the order is told on commit. Mistakes in the calling code
    raise: RuntimeError outside a transaction, ValueError for data longer than 64 KiB, Undeclared
    for a type that the catalogue does not know.
    """
    catalogue.declared(type)
    if not connection.in_atomic_block:
        raise RuntimeError(f"{type} was recorded outside the transaction that made it happen.")
    payload = json.dumps(data, cls=DjangoJSONEncoder)
    if len(payload.encode()) > PAYLOAD_MAX_BYTES:
        raise ValueError(f"The data of {type} is longer than {PAYLOAD_MAX_BYTES} bytes.")
    if settings.EVENTS_CHECKED:
        catalogue.check(type, json.loads(payload))
    event_id = new_id()
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD, {"id": event_id, "order_id": order_id, "type": type, "payload": payload}
        )
        (version,) = cursor.fetchone()
    tell(ORDER, order_id)
    return Recorded(event_id, order_id, type, version)
