"""An order's events as they happen."""

import json
from collections.abc import Collection, Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from campusg.api.live import Frame, LiveView, Reading, described
from events.reading import Happened, happened_to, versions_of
from events.services import ORDER
from orders.models import Order
from orders.selectors import ENDED, visible_to

#: What everybody who may see the order is told of an event; the order itself shows the same.
SHOWN = ("status", "runner_id", "reason")
DIGITS_MAX = 9


class OrderEvents:
    """The outbox, order by order; a cursor is the version of the last event told."""

    channel: ClassVar[str] = ORDER

    def read(self, key: UUID, after: str, *, ops: bool) -> Reading:
        """As `Source` says. The status first: an order's last event is there before its end is."""
        ended = Order.objects.filter(pk=key, status__in=ENDED).exists()
        version = int(after) if after.isdecimal() and len(after) <= DIGITS_MAX else 0
        frames = [
            Frame(str(event.version), event.type, _told(event, ops=ops))
            for event in happened_to(key, after=version)
        ]
        return Reading(frames, frames[-1].id if frames else str(version), ended)

    def versions(self, keys: Collection[UUID]) -> Mapping[UUID, object]:
        """As `Source` says."""
        return versions_of(keys)


class OrderStream(LiveView):
    """An order's events: `id` is the version, `event` the type; ends when the order has."""

    source = OrderEvents()

    def get_queryset(self) -> QuerySet[Order]:
        """What this user may see."""
        return visible_to(self.request.user)

    @described
    def get(self, request: Request, pk: UUID) -> HttpResponse | Response:
        """What happened to the order, and then what happens."""
        return self.follow(request)


def _told(event: Happened, *, ops: bool) -> str:
    """Operators get all that was recorded, others what became of the order."""
    data: dict[str, Any] = event.data
    if not ops:
        data = {name: data[name] for name in SHOWN if name in data}
    told = {"id": event.id, "version": event.version, "time": event.time, "data": data}
    return json.dumps(told, cls=DjangoJSONEncoder)
