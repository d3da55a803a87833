"""Payments and their operations, to be looked at; only the sagas and the janitor move them."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from campusg.admin import Guarded, ReasonForm, Seen, money, status
from payments import operations, stripe_events
from payments.breaks import resolve
from payments.models import (
    BalanceTransaction,
    Break,
    Dispute,
    HeldPayout,
    Operation,
    Payment,
    Reconciliation,
    Refund,
    StripeEvent,
    StripeLine,
)
from payments.webhooks import hint


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
    list_filter = ("status", ("fraud_warned_at", admin.EmptyFieldListFilter), "currency")
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
    actions = ("look_again",)

    @admin.action(description="Look at Stripe again", permissions=["view"])
    def look_again(self, request: HttpRequest, found: QuerySet[Operation]) -> None:
        """Whatever that finds is what the janitor would have found, later or never."""
        count = operations.look_again(list(found.values_list("pk", flat=True)))
        self.message_user(request, f"{count} operations are looked into again.", messages.SUCCESS)


@admin.register(StripeEvent)
class StripeEventAdmin(Guarded):
    list_display = (
        "id", "type", status("state"), "object_id", "account", "source", "tries", "note",
        "received_at",
    )  # fmt: skip
    list_filter = ("state", "source", "type")
    search_fields = ("id", "object_id", "payment_intent", "account")
    search_help_text = "An order's id, or that of an event or another object at Stripe."
    uuid_fields = ("order_id", "operation_id")
    date_hierarchy = "received_at"
    ordering = ("-received_at", "-id")
    actions = ("follow_again",)

    @admin.action(description="Follow once more", permissions=["follow"])
    def follow_again(self, request: HttpRequest, events: QuerySet[StripeEvent]) -> None:
        """What an event is about is read from Stripe anew, so doing it twice changes nothing."""
        count = stripe_events.try_again(list(events.values_list("pk", flat=True)))
        hint()
        self.message_user(request, f"{count} events are followed once more.", messages.SUCCESS)

    def has_follow_permission(self, request: HttpRequest) -> bool:
        """Whoever may see them: it takes nothing and gives nothing."""
        return self.has_view_permission(request)


@admin.register(StripeLine)
class StripeLineAdmin(Guarded):
    order_field = None
    list_display = ("__str__", "open_until", "failures", "events_seen_until")


@admin.register(Break)
class BreakAdmin(Guarded):
    list_display = (
        "object_id", "kind", "layer", "order_id", "ours", "theirs", money("amount"), "found_at",
        "resolved_at", "how", "close",
    )  # fmt: skip
    also_shown = ("close",)
    list_filter = (("resolved_at", admin.EmptyFieldListFilter), "kind", "layer", "currency")
    search_fields = ("object_id", "how")
    search_help_text = "An order's id, or that of an object at Stripe."
    uuid_fields = ("order_id",)
    date_hierarchy = "found_at"
    ordering = ("-found_at", "-id")

    @admin.display(description="close")
    def close(self, row: Break) -> str:
        if row.resolved_at:
            return "-"
        page = reverse("admin:payments_break_close", args=[row.pk])
        return format_html('<a href="{}">close it</a>', page)

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.close_page)
        return [path("<int:pk>/close/", page, name="payments_break_close"), *super().get_urls()]

    def close_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask what explains the break, then close it; one that is closed already stays as it is."""
        if not request.user.has_perm("payments.change_break"):
            raise PermissionDenied
        row = get_object_or_404(Break, pk=pk)
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            how = f"{request.user.get_username()}: {form.cleaned_data['reason']}"
            if resolve(pk, how):
                self.log_change(request, row, f"Closed. {how}")
            else:
                self.message_user(request, "It was closed already.", messages.WARNING)
            return HttpResponseRedirect(reverse("admin:payments_break_change", args=[pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": "Close this break", "opts": self.opts, "break": row, "form": form,
            "media": self.media + form.media,
        }  # fmt: skip
        return TemplateResponse(request, "admin/payments/break/close.html", context)


@admin.register(Reconciliation)
class ReconciliationAdmin(Guarded):
    order_field = None
    list_display = (
        "__str__", "began_at", "ended_at", "matched", "under_way", "found", "unexplained",
    )  # fmt: skip
    search_fields = ("unexplained",)
    uuid_fields = ()
    ordering = ("-began_at", "-id")


@admin.register(BalanceTransaction)
class BalanceTransactionAdmin(Guarded):
    list_display = (
        "id", "type", "reference", "order_id", money("net"), "created_at", "imported_at",
    )  # fmt: skip
    list_filter = ("type", "currency")
    search_fields = ("id", "reference")
    search_help_text = "An order's id, or that of an object at Stripe."
    uuid_fields = ("order_id", "operation_id")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")


@admin.register(HeldPayout)
class HeldPayoutAdmin(Guarded):
    list_display = (
        "order_id", "leg", money("amount"), "waits_for", "reason", "since", "ended_at",
    )  # fmt: skip
    list_filter = ("waits_for", "leg", ("ended_at", admin.EmptyFieldListFilter))
    search_fields = ("reason",)
    search_help_text = "An order's id."
    date_hierarchy = "since"
    ordering = ("-since", "-id")


@admin.register(Dispute)
class DisputeAdmin(Guarded):
    list_display = (
        "stripe_id", status(), "reason", money("amount"), "evidence_due_by", "order_id",
        "opened_at", "closed_at",
    )  # fmt: skip
    list_filter = (("closed_at", admin.EmptyFieldListFilter), "status", "reason")
    search_fields = ("stripe_id",)
    search_help_text = "An order's id, or Stripe's of the dispute."
    date_hierarchy = "evidence_due_by"
    ordering = ("-opened_at", "-id")


@admin.register(Refund)
class RefundAdmin(Guarded):
    list_display = (
        "stripe_id", status(), money("amount"), "failure_reason", "order_id", "created_at",
        "failed_at", "repaid_at",
    )  # fmt: skip
    list_filter = ("status", ("repaid_at", admin.EmptyFieldListFilter))
    search_fields = ("stripe_id", "repaid_reason")
    search_help_text = "An order's or an operation's id, or Stripe's of the refund."
    uuid_fields = ("order_id", "operation_id")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
