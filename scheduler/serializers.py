"""Due events as people see them."""

from rest_framework import serializers

from scheduler.models import ScheduledEvent


class DueEventSerializer(serializers.ModelSerializer):
    """What shall happen, to what, and when."""

    class Meta:
        model = ScheduledEvent
        fields = (
            "id", "event_type", "entity_id", "due_at", "status", "created_at", "fired_at",
            "cancelled_at",
        )  # fmt: skip
