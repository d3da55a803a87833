"""Due events over HTTP, to look at."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from campusg.api.permissions import sees_all
from scheduler.models import ScheduledEvent
from scheduler.serializers import DueEventSerializer, DueEventsLooking


class DueEvents(generics.ListAPIView):
    """What is due or was, newest first."""

    serializer_class = DueEventSerializer
    #: The entities that a user may see, by `pk`; the URLconf knows which app has them.
    entities_of: Callable[[Any], QuerySet] | None = None

    def get_queryset(self) -> QuerySet[ScheduledEvent]:
        """Operators and services see every event, others those about entities that they see."""
        user = self.request.user
        events = DueEventsLooking.narrow(ScheduledEvent.objects.all(), self.request)
        if sees_all(user):
            return events
        assert self.entities_of is not None
        return events.filter(entity_id__in=self.entities_of(user).order_by().values("pk"))

    @extend_schema(parameters=[DueEventsLooking])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What is due or was, newest first."""
        return super().get(request, *args, **kwargs)
