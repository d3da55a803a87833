"""The books: accounts, journals and their entries; and the hold, an order's escrow as one row."""

from functools import reduce
from operator import or_
from typing import NamedTuple

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
    CAPTURE = "capture"
    RELEASE = "release"
    CLAIM = "claim"
    SETTLE_CLAIM = "settle_claim"
    SET_OFF = "set_off"
    PAY_OUT = "pay_out"
    REVERSE_PAYOUT = "reverse_payout"
    REFUND = "refund"
    REFUND_DONE = "refund_done"
    REFUND_FAILED = "refund_failed"
    REFUND_BACK = "refund_back"
    REPAID = "repaid"
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    WITHHELD = "withheld"


class Journal(models.Model):
    """One balanced set of entries. Its key makes posting it again impossible."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=255, unique=True)
    kind = models.CharField(max_length=16, choices=JournalKind)
    order_id = models.UUIDField(null=True, blank=True, db_index=True)
    operation_id = models.UUIDField(
        null=True,
        blank=True,
        db_index=True,
        help_text="The call to Stripe, or the dispute, that this books.",
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
        verbose_name_plural = "entries"
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
    CAPTURED = "CAPTURED"
    RELEASED = "RELEASED"
    CLAIMED = "CLAIMED"
    WRITTEN_OFF = "WRITTEN_OFF"


class Shares(NamedTuple):
    """An amount by those it is for, in minor units."""

    food: int
    delivery: int
    platform: int

    def less(self, other: "Shares") -> "Shares":
        """What is left of each without the other's."""
        return Shares(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))


#: The customer has paid.
PAID = (HoldStatus.CAPTURED, HoldStatus.RELEASED)
#: Which times a hold has, by its status.
TIMES = {
    "cancelled_at": (HoldStatus.CANCELLED,),
    "captured_at": PAID,
    "released_at": (HoldStatus.RELEASED,),
    "claimed_at": (HoldStatus.CLAIMED, HoldStatus.WRITTEN_OFF),
}
SHARES = Shares._fields


class Hold(models.Model):
    """What stands in escrow for one order: the row that people and the API see."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order_id = models.UUIDField(unique=True)
    customer_id = models.UUIDField(db_index=True)
    restaurant_id = models.UUIDField(db_index=True)
    runner_id = models.UUIDField(null=True, blank=True, db_index=True)
    payment_operation_id = models.UUIDField(null=True, blank=True)
    status = models.CharField(max_length=11, choices=HoldStatus, default=HoldStatus.HELD)
    currency = CurrencyField()
    food_fee = MinorUnitsField()
    delivery_fee = MinorUnitsField()
    platform_fee = MinorUnitsField()
    total = MinorUnitsField()
    captured_food = MinorUnitsField(default=0)
    captured_delivery = MinorUnitsField(default=0)
    captured_platform = MinorUnitsField(default=0)
    refunded_food = MinorUnitsField(default=0)
    refunded_delivery = MinorUnitsField(default=0)
    refunded_platform = MinorUnitsField(default=0)
    held_at = models.DateTimeField(db_default=Now())
    cancelled_at = models.DateTimeField(null=True, blank=True)
    captured_at = models.DateTimeField(null=True, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)

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
            *(
                models.CheckConstraint(
                    condition=Q(status__in=statuses, **{f"{time}__isnull": False})
                    | (~Q(status__in=statuses) & Q(**{f"{time}__isnull": True})),
                    name=f"escrow_hold_{time}",
                )
                for time, statuses in TIMES.items()
            ),
            *(
                models.CheckConstraint(
                    condition=Q(
                        **{
                            f"captured_{share}__range": (0, F(f"{share}_fee")),
                            f"refunded_{share}__range": (0, F(f"captured_{share}")),
                        }
                    ),
                    name=f"escrow_hold_{share}_bounded",
                )
                for share in SHARES
            ),
        ]
        indexes = [
            models.Index(
                fields=["currency"], condition=Q(status=HoldStatus.HELD), name="escrow_hold_open"
            ),
        ]
        triggers = [
            only_changes(
                "status",
                "runner_id",
                *TIMES,
                *(f"{done}_{share}" for done in ("captured", "refunded") for share in SHARES),
            ),
            never_deleted(),
            never_truncated(),
        ]

    def __str__(self) -> str:
        return f"{self.status} for order {self.order_id}"

    @property
    def fees(self) -> Shares:
        """What was held."""
        return Shares(self.food_fee, self.delivery_fee, self.platform_fee)

    @property
    def captured(self) -> Shares:
        """What the customer has paid."""
        return Shares(self.captured_food, self.captured_delivery, self.captured_platform)

    @property
    def refunded(self) -> Shares:
        """What of it the customer got back, or is getting."""
        return Shares(self.refunded_food, self.refunded_delivery, self.refunded_platform)
