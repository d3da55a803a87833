"""Payments and their operations, to be looked at; only the sagas and the janitor move them."""

from typing import Any, ClassVar

from django.contrib import admin

from campusg.admin import Guarded, Seen, money, status
from payments.models import Operation, Payment


class OperationInline(Seen):
    model = Operation
    show_change_link = True
    fields: ClassVar[Any] = [
        "kind", "n", status("state"), money("amount"), "stripe_id", "tries", "code", "message",
        "sent_at", "next_try_at", "resolved_at",
    ]  # fmt: skip


@admin.register(Payment)
class PaymentAdmin(Guarded):
    list_display = (
        "order_id", status(), money("amount"), "payment_intent", "capture_before", "created_at",
    )  # fmt: skip
    list_filter = ("status", "currency")
    search_fields = ("payment_intent",)
    search_help_text = "An order's, customer's or payment's id, or part of a PaymentIntent's."
    uuid_fields = ("id", "order_id", "customer_id")
    date_hierarchy = "created_at"
    inlines = (OperationInline,)


@admin.register(Operation)
class OperationAdmin(Guarded):
    list_display = (
        "key", "kind", status("state"), money("amount"), "tries", "code", "watched", "sent_at",
        "next_try_at",
    )  # fmt: skip
    list_filter = ("state", "kind", "watched", "code")
    search_fields = ("key", "stripe_id", "request_id")
    search_help_text = "An order's or operation's id, or part of a key or of an id at Stripe."
    date_hierarchy = "sent_at"
    ordering = ("-sent_at", "-id")
