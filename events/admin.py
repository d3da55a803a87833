"""The outbox, to be looked at."""

from django.contrib import admin

from campusg.admin import Guarded
from events.models import InboxEvent, OutboxEvent, Stream


@admin.register(OutboxEvent)
class OutboxEventAdmin(Guarded):
    order_field = "aggregateid"
    uuid_fields = ("id", "aggregateid")
    list_display = ("seq", "type", "aggversion", "aggregateid", "created_at", "published_at")
    list_filter = ("type", ("published_at", admin.EmptyFieldListFilter))
    search_fields = ("type",)
    search_help_text = "An order's id, an event's id, or part of a type."
    date_hierarchy = "created_at"
    ordering = ("-seq",)


@admin.register(Stream)
class StreamAdmin(Guarded):
    order_field = "aggregateid"
    uuid_fields = ("aggregateid",)
    list_display = ("aggregatetype", "aggregateid", "version")
    search_fields = ("aggregatetype",)
    ordering = ("-id",)


@admin.register(InboxEvent)
class InboxEventAdmin(Guarded):
    uuid_fields = ("event_id", "order_id")
    list_display = ("consumer", "type", "version", "order_id", "ignored", "handled_at")
    list_filter = ("consumer", "ignored", "type")
    search_fields = ("type",)
    search_help_text = "An order's id, an event's id, or part of a type."
    date_hierarchy = "handled_at"
    ordering = ("-id",)
