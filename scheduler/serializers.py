"""Due events as people see them."""

from typing import Any

from rest_framework import serializers

from campusg.api.serializers import Looking, StrictSerializer
from scheduler.models import EventStatus, EventType, ScheduledEvent


class DueEventsLooking(Looking):
    """Which due events to list."""

    event_type = serializers.ChoiceField(EventType.choices, required=False)
    entity_id = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(EventStatus.choices, required=False)


class Texts(serializers.DictField):
    """Short texts by name; both may be stored."""

    child = serializers.CharField(max_length=200)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """Names are looked at as values are."""
        texts = super().to_internal_value(data)
        return {self.child.run_validation(name): text for name, text in texts.items()}


class NewDueEventSerializer(StrictSerializer):
    """What shall happen, to what, and when."""

    event_type = serializers.ChoiceField(EventType.choices)
    entity_id = serializers.UUIDField(help_text="An order's id, as all these events are about one.")
    due_at = serializers.DateTimeField()
    payload = Texts(required=False, help_text="Kept with it.")


class DueEventSerializer(serializers.ModelSerializer):
    """What shall happen, to what, and when."""

    class Meta:
        model = ScheduledEvent
        fields = (
            "id", "event_type", "entity_id", "due_at", "status", "created_at", "fired_at",
            "cancelled_at",
        )  # fmt: skip
