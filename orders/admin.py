"""Restaurants and menus, edited here; orders, to be looked at."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from campusg.admin import Guarded, Seen, money, status
from campusg.errors import Refused
from campusg.money import formatted
from orders import services
from orders.models import (
    REASON_MAX,
    HandOver,
    MenuItem,
    Order,
    OrderItem,
    Rating,
    Restaurant,
)
from orders.states import OrderStatus
from sagas.approvals import approve
from sagas.engine.starting import start
from sagas.settle_claim import settle_claim


class SettlingForm(forms.Form):
    """Who pays what a customer owes, and why."""

    paid_by = forms.ChoiceField(
        choices=[
            ("card", "the customer: charge the saved card once more"),
            ("platform", "the platform: pay restaurant and runner all the same"),
        ],
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(max_length=REASON_MAX, widget=forms.Textarea(attrs={"rows": 3}))


class ApprovalForm(forms.Form):
    """Which move of the order's money somebody else may make by hand, and why."""

    move = forms.ChoiceField(choices=[(move, move) for move in services.MOVES])
    reason = forms.CharField(max_length=REASON_MAX, widget=forms.Textarea(attrs={"rows": 3}))


class MenuItemInline(admin.TabularInline):
    model = MenuItem
    extra = 1

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Orders name what they were of for ever: make it unavailable instead."""
        return False


@admin.register(Restaurant)
class RestaurantAdmin(admin.ModelAdmin):
    list_display = ("name", "owner", "currency", "is_open")
    list_filter = ("is_open", "currency")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username", "owner__email")
    autocomplete_fields = ("owner",)
    inlines = (MenuItemInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Orders name their restaurant for ever: close it instead."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Prices and orders are in the currency the restaurant began with.
        return ("currency", "account") if obj else ("account",)

    @admin.display(description="money")
    def account(self, restaurant: Restaurant) -> str:
        """The way to its account in escrow, which another app keeps."""
        if not restaurant.currency:
            return "-"
        books = reverse("admin:escrow_account_changelist")
        freeze = reverse("admin:escrow_account_freeze", args=[restaurant.pk, restaurant.currency])
        return format_html(
            '<a href="{}?owner={}">its account</a> · <a href="{}">freeze or unfreeze</a>',
            books, restaurant.pk, freeze,
        )  # fmt: skip


@admin.register(MenuItem)
class MenuItemAdmin(admin.ModelAdmin):
    list_display = ("name", "restaurant", "shown_price", "is_available")
    list_filter = ("is_available",)
    list_select_related = ("restaurant",)
    search_fields = ("name", "restaurant__name")
    autocomplete_fields = ("restaurant",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Orders name what they were of for ever: make it unavailable instead."""
        return False

    @admin.display(description="price", ordering="price")
    def shown_price(self, item: MenuItem) -> str:
        return formatted(item.price, item.restaurant.currency)


class OrderItemInline(Seen):
    model = OrderItem
    fields: ClassVar[Any] = ["name", "quantity", "each", "together"]

    @admin.display(description="unit price")
    def each(self, item: OrderItem) -> str:
        return formatted(item.unit_price, item.order.currency)

    @admin.display(description="line total")
    def together(self, item: OrderItem) -> str:
        return formatted(item.line_total, item.order.currency)


class HandOverInline(Seen):
    model = HandOver
    fields: ClassVar[Any] = ["tries", "overridden_by", "override_reason", "overridden_at"]


class RatingInline(Seen):
    model = Rating
    fields: ClassVar[Any] = ["by", "about", "stars", "rated_at"]


@admin.register(Order)
class OrderAdmin(Guarded):
    order_field = "id"
    uuid_fields = ("id", "customer_id", "restaurant_id", "runner_id")
    list_display = (
        "id", status(), money("total"), "restaurant", "customer", "runner", "pending_at",
    )  # fmt: skip
    list_filter = ("status", "currency")
    list_select_related = ("customer", "restaurant", "runner")
    search_fields = ("restaurant__name", "customer__username", "runner__username")
    search_help_text = "Part of a restaurant's or person's name; or a whole id."
    date_hierarchy = "pending_at"
    ordering = ("-pending_at", "-id")
    inlines = (OrderItemInline, HandOverInline, RatingInline)
    also_shown = ("claim", "by_hand")

    @admin.display(description="claim")
    def claim(self, order: Order) -> str:
        if order.status != OrderStatus.COMPLETED_UNPAID:
            return "-"
        owed, page = (
            formatted(order.total, order.currency),
            reverse("admin:orders_order_settle", args=[order.pk]),
        )
        return format_html('{} is owed by the customer · <a href="{}">settle it</a>', owed, page)

    @admin.display(description="money by hand")
    def by_hand(self, order: Order) -> str:
        page = reverse("admin:orders_order_approve", args=[order.pk])
        return format_html('<a href="{}">approve that somebody else moves it</a>', page)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        settle, approve_ = view(self.settle_page), view(self.approve_page)
        return [
            path("<uuid:order_id>/settle/", settle, name="orders_order_settle"),
            path("<uuid:order_id>/approve/", approve_, name="orders_order_approve"),
            *super().get_urls(),
        ]

    def settle_page(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Ask who pays and why, then start the saga."""

        def settle(order: Order, told: dict[str, str]) -> str:
            run = start(settle_claim, str(order_id), order_id=order_id, **told)
            self.log_change(request, order, f"Settling: {told}")
            return reverse("admin:sagas_run_change", args=[run.pk])

        return self._act_page(
            request, order_id, SettlingForm(request.POST or None), settle,
            "Settle what the customer owes", "the customer owes {}", "Settle",
        )  # fmt: skip

    def approve_page(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Ask which move and why, then let somebody else make it."""

        def agree(order: Order, told: dict[str, str]) -> str:
            user: Any = request.user
            services.money_by_hand(order_id=order_id, move=told["move"])
            row = approve(
                **told, order_id=order_id, amount=order.total, currency=order.currency,
                by_user_id=user.pk, actor=user.get_username(),
            )  # fmt: skip
            return reverse("admin:sagas_action_change", args=[row.pk])

        return self._act_page(
            request, order_id, ApprovalForm(request.POST or None), agree,
            "Approve money by hand", "its total is {}", "Approve",
        )  # fmt: skip

    def _act_page(
        self,
        request: HttpRequest,
        order_id: UUID,
        form: forms.Form,
        act: Callable[[Order, dict[str, str]], str],
        title: str,
        told: str,
        verb: str,
    ) -> HttpResponse:
        """Show the form; once it is filled in, act and go where that leads. A refusal is shown."""
        if not request.user.has_perm("orders.change_order"):
            raise PermissionDenied
        order = get_object_or_404(Order, pk=order_id)
        if request.method == "POST" and form.is_valid():
            try:
                with transaction.atomic():
                    return HttpResponseRedirect(act(order, form.cleaned_data))
            except Refused as refusal:
                form.add_error(None, str(refusal))
        context = {
            **self.admin_site.each_context(request),
            "title": title, "told": told.format(formatted(order.total, order.currency)),
            "verb": verb, "opts": self.opts, "order": order, "form": form,
            "media": self.media + form.media,
        }  # fmt: skip
        return TemplateResponse(request, "admin/orders/order/act.html", context)
