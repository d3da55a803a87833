"""Who was told what, and what did not reach them, to be tried again."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from campusg.admin import Guarded, Seen, status
from notifications import services
from notifications.errors import NotDead
from notifications.models import Delivery, Notification


class DeliveryInline(Seen):
    model = Delivery
    fields: ClassVar[Any] = ["channel", "state", "tries", "next_try_at", "sent_at", "last_error"]


@admin.register(Notification)
class NotificationAdmin(Guarded):
    uuid_fields = ("id", "order_id", "event_id", "person_id")
    list_display = ("title", "type", "role", "person", "created_at", "read_at")
    list_filter = ("role", ("read_at", admin.EmptyFieldListFilter), "type")
    list_select_related = ("person",)
    search_fields = ("title", "person__username", "person__email")
    search_help_text = "An id of an order, event or person, a name, or part of a title."
    date_hierarchy = "created_at"
    ordering = ("-id",)
    inlines = (DeliveryInline,)


@admin.register(Delivery)
class DeliveryAdmin(Guarded):
    order_field = None
    uuid_fields = ("id", "notification_id")
    list_display = (
        "notification", "channel", status("state"), "tries", "next_try_at", "sent_at", "last_error",
    )  # fmt: skip
    list_filter = ("state", "channel")
    list_select_related = ("notification",)
    search_fields = ("notification__title", "notification__person__username", "last_error")
    search_help_text = "A person, part of a title or of an error."
    ordering = ("-id",)
    actions = ("try_again",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.change_delivery")

    @admin.action(description="Try again", permissions=["retry"])
    def try_again(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        """Those that are dead are due at once; others are as they were."""
        again = 0
        for delivery in chosen:
            try:
                services.try_again(delivery_id=delivery.pk)
            except NotDead as refusal:
                self.message_user(request, f"{delivery}. {refusal}", messages.WARNING)
                continue
            self.log_change(request, delivery, "Tried again.")
            again += 1
        if again:
            self.message_user(request, f"{again} tried again now.", messages.SUCCESS)
