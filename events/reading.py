"""Reading the outbox back: what happened to an order, from where somebody left off."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from events.models import OutboxEvent, Stream
from events.services import ORDER


class Happened(NamedTuple):
    """One recorded event; `version` counts its order's events from 1."""

    id: UUID
    type: str
    version: int
    time: datetime
    data: dict[str, Any]


def happened_to(order_id: UUID, *, after: int = 0) -> list[Happened]:
    """The order's events with a version above `after`, in order."""
    events = OutboxEvent.objects.filter(
        aggregatetype=ORDER, aggregateid=order_id, aggversion__gt=after
    )
    columns = ("id", "type", "aggversion", "created_at", "payload")
    return [Happened(*row) for row in events.order_by("aggversion").values_list(*columns)]


def versions_of(order_ids: Collection[UUID]) -> dict[UUID, int]:
    """The version of each order's last event."""
    streams = Stream.objects.filter(aggregatetype=ORDER, aggregateid__in=order_ids)
    return dict(streams.values_list("aggregateid", "version"))
