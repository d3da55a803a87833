"""Restaurants and menus, edited here; orders, to be looked at."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from campusg.admin import Guarded, Seen, money, status
from campusg.money import formatted
from orders.models import HandOver, MenuItem, Order, OrderItem, Rating, Restaurant


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
