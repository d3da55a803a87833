"""Answers already given, to be looked at."""

from django.contrib import admin

from campusg.admin import Guarded
from campusg.api.models import IdempotencyKey


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(Guarded):
    order_field = None
    uuid_fields = ("user_id",)
    list_display = ("key", "route", "user", "status_code", "location", "created_at")
    list_filter = ("status_code",)
    list_select_related = ("user",)
    search_fields = ("key", "route")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
