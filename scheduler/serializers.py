"""Due events as people see them."""

from rest_framework import serializers

from campusg.api.serializers import Looking
from scheduler.models import EventStatus, EventType, ScheduledEvent


class DueEventsLooking(Looking):
    """Which due events to list."""

    event_type = serializers.ChoiceField(EventType.choices, required=False)
    entity_id = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(EventStatus.choices, required=False)


class DueEventSerializer(serializers.ModelSerializer):
    """What shall happen, to what, and when."""

    class Meta:
        model = ScheduledEvent
        fields = (
            "id", "event_type", "entity_id", "due_at", "status", "created_at", "fired_at",
            "cancelled_at",
        )  # fmt: skip
