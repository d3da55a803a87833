"""Due events over HTTP: look at them, set one, take one back."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from campusg.api.idempotency import idempotent
from campusg.api.permissions import sees_all
from campusg.api.serializers import NothingSerializer
from scheduler import services
from scheduler.models import ScheduledEvent
from scheduler.serializers import DueEventSerializer, DueEventsLooking, NewDueEventSerializer


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


class Schedule(generics.GenericAPIView):
    """Set a due event by hand. One of a type is pending for an entity at most: the same again is
    the same event, at another time it is 409."""

    roles = {"POST": ("ops", "service")}
    serializer_class = NewDueEventSerializer

    # Described by the docstring of the class.
    @extend_schema(responses={201: DueEventSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        event = services.schedule(**wanted.validated_data)
        return Response(DueEventSerializer(event).data, status.HTTP_201_CREATED)


class CancelEvent(generics.GenericAPIView):
    """Take back a due event that has not fired yet."""

    roles = {"POST": ("ops", "service")}
    serializer_class = NothingSerializer
    queryset = ScheduledEvent.objects.all()

    # Described by the docstring of the class.
    @extend_schema(responses={200: DueEventSerializer})
    @idempotent
    def post(self, request: Request, pk: UUID) -> Response:
        self.get_serializer(data=request.data).is_valid(raise_exception=True)
        event = services.cancel_event(event_id=pk)
        return Response(DueEventSerializer(event).data)
