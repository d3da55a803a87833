"""Restaurants, their menus, and the orders placed with them."""

from functools import reduce
from operator import and_

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from campusg.ids import new_id
from campusg.money import CurrencyField, MinorUnitsField
from campusg.triggers import allowed_edges, append_only, only_changes
from orders.states import (
    UNPAID,
    WITH_RUNNER,
    WITHOUT_RUNNER,
    OrderStatus,
    edges,
    timestamp_of,
)

QUANTITY_MAX = 20
REASON_MAX = 500


class Restaurant(models.Model):
    """A kitchen on the campus; its owner is paid for the food."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="restaurants"
    )
    currency = CurrencyField()
    is_open = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class MenuItem(models.Model):
    """Something a restaurant sells, at today's price."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    restaurant = models.ForeignKey(Restaurant, on_delete=models.PROTECT, related_name="menu")
    name = models.CharField(max_length=120)
    price = MinorUnitsField(help_text="In minor units of the restaurant's currency.")
    is_available = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(price__gt=0), name="orders_menu_price_positive"),
        ]

    def __str__(self) -> str:
        return self.name


class Order(models.Model):
    """What a customer asked for, what it costs, and how far it has come."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders"
    )
    restaurant = models.ForeignKey(Restaurant, on_delete=models.PROTECT, related_name="orders")
    runner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="deliveries",
        null=True,
        blank=True,
    )
    status = models.CharField(max_length=16, choices=OrderStatus, default=OrderStatus.PENDING)
    version = models.IntegerField(default=1, help_text="Rises by one with every change of status.")
    delivery_location = models.CharField(max_length=200)
    cancel_reason = models.CharField(max_length=REASON_MAX, blank=True)

    currency = CurrencyField()
    food_fee = MinorUnitsField()
    delivery_fee = MinorUnitsField()
    platform_fee = MinorUnitsField()
    total = MinorUnitsField()

    pending_at = models.DateTimeField(db_default=Now())
    awaiting_payment_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    placed_at = models.DateTimeField(null=True, blank=True)
    on_the_way_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    completing_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    completed_unpaid_at = models.DateTimeField(null=True, blank=True)
    cancelling_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(total=F("food_fee") + F("delivery_fee") + F("platform_fee")),
                name="orders_shares_add_up",
            ),
            models.CheckConstraint(
                condition=Q(total__gt=0, food_fee__gte=0, delivery_fee__gte=0, platform_fee__gte=0),
                name="orders_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(status__in=OrderStatus.values), name="orders_status_known"
            ),
            models.CheckConstraint(
                condition=(~Q(status__in=WITH_RUNNER) | Q(runner__isnull=False))
                & (~Q(status__in=WITHOUT_RUNNER) | Q(runner__isnull=True)),
                name="orders_runner_where_needed",
            ),
            models.CheckConstraint(
                condition=Q(runner__isnull=True) | ~Q(runner=F("customer")),
                name="orders_runner_is_another",
            ),
            models.CheckConstraint(
                condition=reduce(
                    and_,
                    (
                        ~Q(status=status) | Q(**{f"{timestamp_of(status)}__isnull": False})
                        for status in OrderStatus
                    ),
                ),
                name="orders_status_has_its_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["customer"], condition=Q(status__in=UNPAID), name="orders_unpaid_customer"
            ),
        ]
        triggers = [
            *allowed_edges("status", OrderStatus.PENDING, edges()),
            only_changes(
                "runner", "status", "version", "cancel_reason", *map(timestamp_of, OrderStatus)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.status})"


class OrderItem(models.Model):
    """One line of an order, with name and price as they were when it was placed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="items")
    menu_item = models.ForeignKey(MenuItem, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    unit_price = MinorUnitsField()
    quantity = models.SmallIntegerField()
    line_total = MinorUnitsField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order", "menu_item"], name="orders_one_line_per_menu_item"
            ),
            models.CheckConstraint(
                condition=Q(quantity__range=(1, QUANTITY_MAX)), name="orders_quantity_bounded"
            ),
            models.CheckConstraint(
                condition=Q(line_total=F("unit_price") * F("quantity")),
                name="orders_line_multiplies",
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"


class HandOver(models.Model):
    """How often the PIN of an order was tried in vain, and who vouched for it without one."""

    order = models.OneToOneField(
        Order, on_delete=models.PROTECT, primary_key=True, related_name="handover"
    )
    tries = models.SmallIntegerField(default=0)
    overridden_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    override_reason = models.CharField(max_length=REASON_MAX, blank=True)
    overridden_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    overridden_by__isnull=True, overridden_at__isnull=True, override_reason=""
                )
                | (
                    Q(overridden_by__isnull=False, overridden_at__isnull=False)
                    & ~Q(override_reason="")
                ),
                name="orders_pin_overridden_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"hand-over of {self.order_id}"


class Rating(models.Model):
    """What one party of an order thinks of the other, in stars."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="ratings")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    about = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="ratings"
    )
    stars = models.SmallIntegerField()
    rated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "by"], name="orders_rated_once_by_each"),
            models.CheckConstraint(condition=Q(stars__range=(1, 5)), name="orders_stars"),
            models.CheckConstraint(
                condition=~Q(by=F("about")), name="orders_nobody_rates_themselves"
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.stars} stars for {self.order_id}"
