"""Breaks: where Stripe and we differ, each a row until it is explained; and Stripe's balance
transactions, mirrored so that a query can hold them against the books."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from campusg.money import CurrencyField, MinorUnitsField
from campusg.triggers import never_deleted, never_truncated, only_changes


class BalanceTransaction(models.Model):
    """One of Stripe's balance transactions, as it was when it was last read."""

    id = models.CharField(primary_key=True, max_length=64, editable=False)
    type = models.CharField(max_length=40)
    reference = models.CharField(
        max_length=64, db_index=True, help_text="What an operation of ours would go by."
    )
    order_id = models.UUIDField(null=True, blank=True)
    operation_id = models.UUIDField(null=True, blank=True)
    net = MinorUnitsField()
    currency = CurrencyField()
    created_at = models.DateTimeField(db_index=True, help_text="By Stripe's clock.")
    imported_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.type} {self.reference}"


class Layer(models.TextChoices):
    """Of what kind the money is that a break is about; the words are the ledger's."""

    PENDING = "pending", "held on a card"
    POSTED = "posted", "in our balance"


class BreakKind(models.TextChoices):
    """How Stripe and we differ."""

    ORPHAN = "orphan", "Stripe has it, we don't know it"
    MISSING = "missing", "we have it, Stripe does not know it"
    AMOUNT = "amount", "the amounts differ"
    CURRENCY = "currency", "the currencies differ"
    STATE = "state", "it stands otherwise at Stripe"
    DOUBLE_TRANSFER = "double_transfer", "paid out a second time"
    UNBOOKED = "unbooked", "done for us a day ago and not in the books"


@dataclass(frozen=True)
class Finding:
    """A difference as it was seen; `amount` is what it comes to, in minor units of `currency`:
    held at Stripe, or in Stripe's balance beyond what the books say."""

    layer: Layer
    kind: BreakKind
    object_id: str
    order_id: UUID | None
    ours: str
    theirs: str
    amount: int
    currency: str


class Break(models.Model):
    """A difference between Stripe and us: found once, open until it is repaired or explained."""

    layer = models.CharField(max_length=7, choices=Layer)
    kind = models.CharField(max_length=16, choices=BreakKind)
    object_id = models.CharField(max_length=64, help_text="At Stripe.")
    order_id = models.UUIDField(null=True, blank=True, db_index=True)
    ours = models.CharField(max_length=80)
    theirs = models.CharField(max_length=80)
    amount = MinorUnitsField()
    currency = CurrencyField()
    found_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True, blank=True)
    how = models.TextField(blank=True, help_text="How it was repaired, or who explains it and how.")

    class Meta:
        ordering: ClassVar = ["-found_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["layer", "kind", "object_id", "ours", "theirs"], name="break_found_once"
            ),
            models.CheckConstraint(
                condition=models.Q(resolved_at__isnull=True) | ~models.Q(how=""),
                name="break_resolved_somehow",
            ),
        ]
        triggers: ClassVar = [
            only_changes("resolved_at", "how"), never_deleted(), never_truncated(),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class Reconciliation(models.Model):
    """One look at all that moved our balance in a time, and what came of it."""

    since = models.DateTimeField()
    until = models.DateTimeField()
    began_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    matched = models.PositiveIntegerField(default=0)
    under_way = models.PositiveIntegerField(default=0)
    found = models.PositiveIntegerField(default=0, help_text="Breaks that were new.")
    unexplained = models.JSONField(
        default=dict, help_text="Minor units by currency that no balance transaction explains."
    )

    class Meta:
        ordering: ClassVar = ["-began_at", "-id"]

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M}"


def note(findings: Iterable[Finding]) -> list[Break]:
    """Keep what was found; those that are new."""
    new = []
    for finding in findings:
        row, made = Break.objects.get_or_create(
            layer=finding.layer, kind=finding.kind, object_id=finding.object_id,
            ours=finding.ours, theirs=finding.theirs, defaults=asdict(finding),
        )  # fmt: skip
        new += [row] if made else []
    return new


def close_others(layer: Layer, findings: Sequence[Finding], how: str) -> int:
    """Resolve the layer's open breaks that were not found this time; how many."""
    still = {(one.kind, one.object_id, one.ours, one.theirs) for one in findings}
    gone = [
        one.pk
        for one in Break.objects.filter(layer=layer, resolved_at=None)
        if (one.kind, one.object_id, one.ours, one.theirs) not in still
    ]
    return Break.objects.filter(pk__in=gone).update(resolved_at=Now(), how=how)


def resolve(break_id: int, how: str) -> bool:
    """Say how an open break was repaired, or what explains it; False when there is none."""
    open_ = Break.objects.filter(pk=break_id, resolved_at=None)
    return open_.update(resolved_at=Now(), how=how) == 1
