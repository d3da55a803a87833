"""The books: accounts, journals and their entries; and the hold, an order's escrow as one row."""

from functools import reduce
from operator import or_

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from campusg.ids import new_id
from campusg.money import CurrencyField, MinorUnitsField
from campusg.triggers import append_only, never_deleted, never_truncated, only_changes
from escrow.chart import NATURES, Code, Layer, Side
from escrow.triggers import entries_are_right, journal_has_entries


class Account(models.Model):
    """One account of an order, or of an owner such as a restaurant; opened when first needed."""

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=32, choices=Code)
    owner = models.UUIDField(null=True, blank=True)
    order_id = models.UUIDField(null=True, blank=True, db_index=True)
    currency = CurrencyField()
    # Copied from the chart, so that triggers and audits need nothing but these rows.
    normal_side = models.CharField(max_length=1, choices=Side)
    no_overdraft = models.BooleanField()
    frozen = models.BooleanField(default=False)
    frozen_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["code", "owner", "order_id", "currency"],
                nulls_distinct=False,
                name="escrow_account_unique",
            ),
            models.CheckConstraint(
                condition=reduce(
                    or_,
                    (
                        Q(
                            code=code,
                            normal_side=nature.normal_side,
                            no_overdraft=nature.no_overdraft,
                        )
                        for code, nature in NATURES.items()
                    ),
                ),
                name="escrow_account_as_charted",
            ),
            models.CheckConstraint(
                condition=Q(frozen=False, frozen_reason="")
                | (Q(frozen=True) & ~Q(frozen_reason="")),
                name="escrow_frozen_for_a_reason",
            ),
        ]
        triggers = [only_changes("frozen", "frozen_reason"), never_deleted(), never_truncated()]

    def __str__(self) -> str:
        return f"{self.code} {self.owner or self.order_id} {self.currency}"


class JournalKind(models.TextChoices):
    HOLD = "hold"
    CANCEL = "cancel"


class Journal(models.Model):
    """One balanced set of entries. Its key makes posting it again impossible."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=255, unique=True)
    kind = models.CharField(max_length=16, choices=JournalKind)
    order_id = models.UUIDField(null=True, blank=True, db_index=True)
    operation_id = models.UUIDField(
        null=True, blank=True, db_index=True, help_text="The call to Stripe that this books."
    )
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversed_by"
    )
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        triggers = [*append_only(), journal_has_entries()]

    def __str__(self) -> str:
        return self.key


class Entry(models.Model):
    """One leg of a journal."""

    id = models.BigAutoField(primary_key=True)
    journal = models.ForeignKey(Journal, on_delete=models.PROTECT, related_name="entries")
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="entries", db_index=False
    )
    layer = models.CharField(max_length=7, choices=Layer)
    side = models.CharField(max_length=1, choices=Side)
    amount = MinorUnitsField()
    currency = CurrencyField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="escrow_entry_positive"),
            models.CheckConstraint(
                condition=Q(layer__in=Layer.values, side__in=Side.values),
                name="escrow_entry_layer_and_side",
            ),
        ]
        indexes = [models.Index(fields=["account", "layer"], name="escrow_entry_account_layer")]
        triggers = [*append_only(), entries_are_right()]

    def __str__(self) -> str:
        return f"{self.side} {self.amount} {self.currency} ({self.layer})"


class HoldStatus(models.TextChoices):
    HELD = "HELD"
    CANCELLED = "CANCELLED"


class Hold(models.Model):
    """What stands in escrow for one order: the row that people and the API see."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order_id = models.UUIDField(unique=True)
    customer_id = models.UUIDField(db_index=True)
    restaurant_id = models.UUIDField(db_index=True)
    payment_operation_id = models.UUIDField(null=True, blank=True)
    status = models.CharField(max_length=9, choices=HoldStatus, default=HoldStatus.HELD)
    currency = CurrencyField()
    food_fee = MinorUnitsField()
    delivery_fee = MinorUnitsField()
    platform_fee = MinorUnitsField()
    total = MinorUnitsField()
    held_at = models.DateTimeField(db_default=Now())
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(total=F("food_fee") + F("delivery_fee") + F("platform_fee")),
                name="escrow_hold_shares_add_up",
            ),
            models.CheckConstraint(
                condition=Q(total__gt=0, food_fee__gte=0, delivery_fee__gte=0, platform_fee__gte=0),
                name="escrow_hold_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(status=HoldStatus.HELD, cancelled_at__isnull=True)
                | Q(status=HoldStatus.CANCELLED, cancelled_at__isnull=False),
                name="escrow_hold_cancelled_has_its_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["currency"], condition=Q(status=HoldStatus.HELD), name="escrow_hold_open"
            ),
        ]
        triggers = [only_changes("status", "cancelled_at"), never_deleted(), never_truncated()]

    def __str__(self) -> str:
        return f"{self.status} for order {self.order_id}"
