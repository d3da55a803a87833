"""Notifications as clients see them."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request

from campusg.api.serializers import Looking, Row
from notifications.models import Notification


class InboxLooking(Looking):
    """Which notifications to list."""

    unread = serializers.BooleanField(
        required=False, help_text="`true`: what you have not read; `false`: what you have."
    )
    order = serializers.UUIDField(required=False, source="order_id", help_text="About this order.")

    @classmethod
    def narrow(cls, rows: QuerySet[Row], request: Request) -> QuerySet[Row]:
        """As any other, but what is unread is what has no time of reading."""
        looking = cls(data=request.query_params.dict())
        looking.is_valid(raise_exception=True)
        wanted: dict[str, Any] = dict(looking.validated_data)
        if "unread" in wanted:
            wanted["read_at__isnull"] = wanted.pop("unread")
        return rows.filter(**wanted)


class NotificationSerializer(serializers.ModelSerializer):
    """One event in words for one person."""

    class Meta:
        model = Notification
        fields = (
            "id", "type", "order_id", "event_id", "role", "title", "body", "created_at", "read_at",
        )  # fmt: skip


class ToldSerializer(NotificationSerializer):
    """The same, with who was told."""

    class Meta:
        model = Notification
        fields = (*NotificationSerializer.Meta.fields, "person")


class ReadSerializer(serializers.Serializer):
    """How many were marked as read."""

    read = serializers.IntegerField()
