"""Notifications over HTTP: a person's inbox, and what was told about an order."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from campusg.api.pagination import NewestFirst
from campusg.api.serializers import NothingSerializer
from notifications import services
from notifications.models import Notification
from notifications.selectors import inbox_of, told_about
from notifications.serializers import (
    InboxLooking,
    NotificationSerializer,
    ReadSerializer,
    ToldSerializer,
)

ACCEPTED = OpenApiExample(
    "A runner was found",
    {
        "id": "0199e3a2-7b1c-7c3e-9a57-1f0c3f5f9b10",
        "type": "order.accepted",
        "order_id": "0199e3a1-0b7e-7d0c-8b11-6f7a2c9d4e55",
        "event_id": "0199e3a2-7a90-7f44-b0c2-2f4f7f8d1a01",
        "role": "customer",
        "title": "A runner has your order",
        "body": "Order 2c9d4e55 has a runner, who now orders it in the kitchen.",
        "created_at": "2026-11-30T12:04:31.120000Z",
        "read_at": None,
    },
    response_only=True,
)


class OldestFirst(NewestFirst):
    """As things happened."""

    ordering = "id"


class Inbox(generics.ListAPIView):
    """Your notifications, newest first."""

    serializer_class = NotificationSerializer

    def get_queryset(self) -> QuerySet[Notification]:
        """Nobody sees anybody else's."""
        return InboxLooking.narrow(inbox_of(self.request.user), self.request)

    @extend_schema(parameters=[InboxLooking], examples=[ACCEPTED])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your notifications, newest first."""
        return super().get(request, *args, **kwargs)


class Read(generics.GenericAPIView):
    """Mark one of your notifications as read. Again it changes nothing, so it needs no key."""

    serializer_class = NothingSerializer
    queryset = Notification.objects.none()

    # Described by the docstring of the class.
    @extend_schema(responses={200: NotificationSerializer}, examples=[ACCEPTED])
    def post(self, request: Request, pk: UUID) -> Response:
        self.get_serializer(data=request.data).is_valid(raise_exception=True)
        user: Any = request.user
        told = services.mark_read(person_id=user.pk, notification_id=pk)
        if told is None:
            raise NotFound
        return Response(NotificationSerializer(told).data)


class ReadAll(generics.GenericAPIView):
    """Mark all your notifications as read."""

    serializer_class = NothingSerializer

    # Described by the docstring of the class.
    @extend_schema(
        responses={200: ReadSerializer},
        examples=[OpenApiExample("Three were unread", {"read": 3}, response_only=True)],
    )
    def post(self, request: Request) -> Response:
        self.get_serializer(data=request.data).is_valid(raise_exception=True)
        user: Any = request.user
        return Response({"read": services.mark_all_read(person_id=user.pk)})


class AboutOrder(generics.GenericAPIView):
    """What you were told about one order; operators see what everybody was told. An order of which
    you were told nothing is 404, as one that is not yours."""

    serializer_class = ToldSerializer
    queryset = Notification.objects.none()

    def told(self) -> QuerySet[Notification]:
        """Those that this user may see."""
        return told_about(self.kwargs["pk"], self.request.user)


@extend_schema_view(get=extend_schema(examples=[ACCEPTED]))
class OfOrder(AboutOrder, generics.ListAPIView):
    """What you were told about one order, oldest first; operators see what everybody was told. An
    order of which you were told nothing is 404, as one that is not yours."""

    pagination_class = OldestFirst

    def get_queryset(self) -> QuerySet[Notification]:
        """Oldest first, by the pages."""
        told = self.told()
        if not told.exists():
            raise NotFound
        return told


class LatestOfOrder(AboutOrder):
    """The newest that you were told about one order; operators see what anybody was told. An order
    of which you were told nothing is 404, as one that is not yours."""

    # Described by the docstring of the class.
    @extend_schema(examples=[ACCEPTED])
    def get(self, request: Request, pk: UUID) -> Response:
        newest = self.told().order_by("-id").first()
        if newest is None:
            raise NotFound
        return Response(self.get_serializer(newest).data)
