"""What the admin's pages share: rows nobody edits, money, badges, links along an order's id."""

import json
from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from campusg.money import MinorUnitsField, formatted

admin.site.site_header = admin.site.site_title = "CampusG"
admin.site.index_title = "Operations"

#: How a status looks; its word is always there too, so that nothing hangs on the colour.
TONES = {
    **dict.fromkeys(("COMPLETED", "AUTHORIZED", "SUCCEEDED", "HELD", "DONE", "DELIVERED"), "good"),
    **dict.fromkeys(("RUNNING", "PENDING", "AUTHORIZING", "STARTED", "SENT", "CREATED"), "busy"),
    **dict.fromkeys(("WAITING", "COMPENSATING", "RELEASING", "CANCELLING", "UNKNOWN"), "care"),
    **dict.fromkeys(
        ("PARKED", "FAILED", "REFUSED", "NEEDS_OPERATOR", "COMPLETED_UNPAID", "FROZEN", "DEAD"),
        "bad",
    ),
}

#: Where the rows of an order are listed: title, page, and the field that holds the order's id.
PAGES_OF_ORDER = (
    ("payment", "payments_payment", "order_id"),
    ("operations", "payments_operation", "order_id"),
    ("disputes", "payments_dispute", "order_id"),
    ("refunds", "payments_refund", "order_id"),
    ("hold", "escrow_hold", "order_id"),
    ("journals", "escrow_journal", "order_id"),
    ("due events", "scheduler_scheduledevent", "entity_id"),
    ("runs", "sagas_run", "key__startswith"),
    ("events", "events_outboxevent", "aggregateid"),
    ("notifications", "notifications_notification", "order_id"),
)

Shown = Callable[[Any], str]


def badge(status: str) -> SafeString:
    """A status as its word on its colour."""
    tone = TONES.get(status.upper(), "plain")
    return format_html('<span class="badge badge-{}">{}</span>', tone, status)


def links_of_order(order_id: object) -> SafeString:
    """The order and every list of its rows, whichever app keeps them."""
    order = reverse("admin:orders_order_change", args=[order_id])
    page = reverse("order-page", args=[order_id])
    lists = [
        (f"{reverse(f'admin:{page}_changelist')}?{urlencode({field: str(order_id)})}", title)
        for title, page, field in PAGES_OF_ORDER
    ]
    return format_html_join(
        " · ", '<a href="{}">{}</a>', [(order, "order"), (page, "its page"), *lists]
    )


def money(field: str) -> Shown:
    """A column of minor units as people write money: `10.99 USD`."""
    return _column(field, lambda row: formatted(getattr(row, field), row.currency))


def status(field: str = "status") -> Shown:
    """A column of badges."""
    return _column(field, lambda row: badge(getattr(row, field)))


def document(field: str) -> Shown:
    """JSON, a line for each of its parts."""

    def shown(row: Any) -> str:
        text = json.dumps(getattr(row, field), indent=2, sort_keys=True, ensure_ascii=False)
        return format_html("<pre>{}</pre>", text)

    return _column(field, shown)


class ReasonForm(forms.Form):
    """Why somebody does it; it is kept with their name."""

    reason = forms.CharField(max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class Guarded(admin.ModelAdmin):
    """Rows that only services write: nobody adds, changes or deletes them here."""

    #: The field with the id of the order that a row is about, if it is about one.
    order_field: ClassVar[str | None] = "order_id"
    #: Where a whole UUID is looked for; anything else goes through `search_fields`.
    uuid_fields: ClassVar[Sequence[str]] = ("id", "order_id")
    #: Besides the model's own fields.
    also_shown: ClassVar[Sequence[str | Shown]] = ()
    show_full_result_count = False
    list_per_page = 50

    class Media:
        css: ClassVar = {"all": ["campusg/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        links = ["links"] if self.order_field else []
        return [*links, *map(_shown, self.model._meta.concrete_fields), *self.also_shown]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.get_fields(request, obj)

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet, search_term: str
    ) -> tuple[models.QuerySet, bool]:
        try:
            wanted = UUID(search_term.strip())
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        matches = (models.Q(**{field: wanted}) for field in self.uuid_fields)
        return queryset.filter(reduce(or_, matches)), False

    @admin.display(description="of this order")
    def links(self, row: Any) -> str:
        order_id = getattr(row, self.order_field or "", None)
        return links_of_order(order_id) if order_id else "-"


class Seen(admin.TabularInline):
    """Rows that belong to another and are only looked at."""

    extra = 0
    can_delete = False
    fields: ClassVar[Any] = ()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.fields or ())


def _shown(field: models.Field) -> str | Shown:
    if isinstance(field, MinorUnitsField):
        return money(field.name)
    if isinstance(field, models.JSONField):
        return document(field.name)
    return status(field.name) if field.name in ("status", "state") else field.name


def _column(field: str, shown: Shown) -> Shown:
    shown.__name__ = field
    return admin.display(description=field.replace("_", " "), ordering=field)(shown)
