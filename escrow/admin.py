"""The books, to be looked at; and the one thing a person may do to them: freeze a restaurant."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, F, Q, QuerySet, Sum, When
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from campusg.admin import Guarded, ReasonForm, Seen, badge, money, status
from campusg.money import CURRENCIES, formatted
from escrow import services
from escrow.chart import Code, Layer
from escrow.models import Account, Entry, Hold, Journal


@admin.register(Account)
class AccountAdmin(Guarded):
    list_display = ("code", "owner", "order_id", "pending", "posted", "state", "freeze")
    list_filter = ("code", "frozen", "currency")
    search_fields = ("code", "frozen_reason")
    search_help_text = "The id of an order or of a restaurant."
    uuid_fields = ("order_id", "owner")
    also_shown = ("pending", "posted", "entries", "freeze")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """With what stands on each account, positive on its normal side."""
        signed = Case(
            When(entries__side=F("normal_side"), then="entries__amount"),
            default=-F("entries__amount"),
        )
        sums = {
            f"{layer}_sum": Coalesce(Sum(signed, filter=Q(entries__layer=layer)), 0)
            for layer in Layer
        }
        accounts: QuerySet[Account] = super().get_queryset(request).annotate(**sums)
        return accounts

    @admin.display(description="pending")
    def pending(self, account: Any) -> str:
        return formatted(account.pending_sum, account.currency)

    @admin.display(description="posted")
    def posted(self, account: Any) -> str:
        return formatted(account.posted_sum, account.currency)

    @admin.display(description="state")
    def state(self, account: Account) -> str:
        return badge("FROZEN") if account.frozen else "-"

    @admin.display(description="entries")
    def entries(self, account: Account) -> str:
        listed = reverse("admin:escrow_entry_changelist")
        return format_html('<a href="{}?account__id__exact={}">its entries</a>', listed, account.pk)

    @admin.display(description="freeze")
    def freeze(self, account: Account) -> str:
        if account.code != Code.RESTAURANT_PAYABLE or account.order_id:
            return "-"
        page = reverse("admin:escrow_account_freeze", args=[account.owner, account.currency])
        return format_html('<a href="{}">{}</a>', page, "unfreeze" if account.frozen else "freeze")

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.freeze_page)
        return [
            path("freeze/<uuid:owner>/<str:currency>/", page, name="escrow_account_freeze"),
            *super().get_urls(),
        ]

    def freeze_page(self, request: HttpRequest, owner: UUID, currency: str) -> HttpResponse:
        """Ask for the reason, then freeze; or unfreeze what is frozen. A restaurant that nobody
        has promised anything yet has no account: freezing opens it."""
        if not request.user.has_perm("escrow.change_account"):
            raise PermissionDenied
        if currency not in CURRENCIES:
            raise Http404(f"{currency} is no currency of the campus.")
        frozen = self._account(owner, currency).filter(frozen=True).first()
        form = ReasonForm(request.POST if request.method == "POST" and not frozen else None)
        if request.method == "POST" and (frozen or form.is_valid()):
            self._turn(request, owner, currency, reason=None if frozen else form.cleaned_data)
            listed = reverse("admin:escrow_account_changelist")
            return HttpResponseRedirect(f"{listed}?owner={owner}")
        context = {
            **self.admin_site.each_context(request),
            "title": "Unfreeze this restaurant" if frozen else "Freeze this restaurant",
            "opts": self.opts, "frozen": frozen, "form": form, "media": self.media + form.media,
        }  # fmt: skip
        return TemplateResponse(request, "admin/escrow/account/freeze.html", context)

    def _turn(
        self, request: HttpRequest, owner: UUID, currency: str, reason: dict[str, str] | None
    ) -> None:
        if reason is None:
            services.unfreeze(owner=owner, currency=currency)
            told = "Unfrozen."
        else:
            services.freeze(owner=owner, currency=currency, reason=reason["reason"])
            told = f"Frozen: {reason['reason']}"
        self.log_change(request, self._account(owner, currency).get(), told)
        self.message_user(request, told, messages.SUCCESS)

    @staticmethod
    def _account(owner: UUID, currency: str) -> QuerySet[Account]:
        return Account.objects.filter(
            code=Code.RESTAURANT_PAYABLE, owner=owner, order_id=None, currency=currency
        )


class EntryInline(Seen):
    model = Entry
    fields: ClassVar[Any] = ["account", "layer", "side", money("amount")]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        return super().get_queryset(request).select_related("account")


@admin.register(Journal)
class JournalAdmin(Guarded):
    list_display = ("id", "kind", "order_id", "operation_id", "reverses", "recorded_at")
    list_filter = ("kind",)
    list_select_related = ("reverses",)
    search_fields = ("key",)
    search_help_text = "The id of an order or of an operation, or part of a key."
    uuid_fields = ("order_id", "operation_id")
    date_hierarchy = "recorded_at"
    ordering = ("-id",)
    inlines = (EntryInline,)


@admin.register(Entry)
class EntryAdmin(Guarded):
    order_field = None
    uuid_fields = ("journal__order_id", "account__owner")
    list_display = ("id", "journal", "account", "layer", "side", money("amount"))
    list_filter = ("layer", "side", "currency")
    list_select_related = ("journal", "account")
    search_fields = ("journal__key",)
    ordering = ("-id",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """The entries of one account: how its page links here."""
        return lookup == "account__id__exact" or super().lookup_allowed(lookup, value, request)


@admin.register(Hold)
class HoldAdmin(Guarded):
    list_display = (
        "order_id", status(), money("total"), money("food_fee"), money("delivery_fee"),
        money("platform_fee"), "held_at",
    )  # fmt: skip
    list_filter = ("status", "currency")
    search_fields = ("order_id",)
    search_help_text = "The id of an order, a customer, a restaurant or a hold."
    uuid_fields = ("id", "order_id", "customer_id", "restaurant_id", "runner_id")
    date_hierarchy = "held_at"
    ordering = ("-held_at", "-id")
