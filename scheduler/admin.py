"""Due events, to be looked at; services set, fire and take them back."""

from django.contrib import admin

from campusg.admin import Guarded, status
from scheduler.models import ScheduledEvent


@admin.register(ScheduledEvent)
class ScheduledEventAdmin(Guarded):
    order_field = "entity_id"
    uuid_fields = ("id", "entity_id")
    list_display = ("event_type", status(), "entity_id", "due_at", "fired_at", "cancelled_at")
    list_filter = ("status", "event_type")
    search_fields = ("event_type",)
    search_help_text = "The id of an order, or of a due event."
    date_hierarchy = "due_at"
    ordering = ("-due_at",)
