"""Payments, and their operations: each intended call to Stripe is a row before it is made."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from campusg.ids import new_id
from campusg.money import CurrencyField, MinorUnitsField
from payments.breaker import StripeLine as StripeLine
from payments.breaks import BalanceTransaction as BalanceTransaction
from payments.breaks import Break as Break
from payments.breaks import Reconciliation as Reconciliation
from payments.money_back import Dispute as Dispute
from payments.money_back import Refund as Refund
from payments.stripe_events import StripeEvent as StripeEvent


class PaymentStatus(models.TextChoices):
    """Where an order's payment stands."""

    AUTHORIZING = "AUTHORIZING", "asking the bank"
    AUTHORIZED = "AUTHORIZED", "held on the card"
    FAILED = "FAILED", "declined"
    RELEASING = "RELEASING", "giving the hold back"
    RELEASED = "RELEASED", "hold given back"
    LAPSED = "LAPSED", "hold gone before it was captured"
    CAPTURING = "CAPTURING", "taking the money"
    CAPTURED = "CAPTURED", "money taken"
    REFUNDING = "REFUNDING", "giving the money back"
    PARTLY_REFUNDED = "PARTLY_REFUNDED", "a part given back"
    REFUNDED = "REFUNDED", "all given back"
    WRITTEN_OFF = "WRITTEN_OFF", "borne by the platform"
    REFUND_FAILED = "REFUND_FAILED", "the refund came back: owed to the customer"
    REPAID = "REPAID", "paid back otherwise"


class Payment(models.Model):
    """The money of one order, on its customer's card."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order_id = models.UUIDField(unique=True)
    customer_id = models.UUIDField(db_index=True)
    amount = MinorUnitsField()
    currency = CurrencyField()
    status = models.CharField(
        max_length=16, choices=PaymentStatus, default=PaymentStatus.AUTHORIZING
    )
    payment_intent = models.CharField(max_length=64, blank=True, help_text="Stripe's id (pi_…).")
    capture_before = models.DateTimeField(
        null=True, blank=True, help_text="When the hold lapses, as Stripe says; never computed."
    )
    charge = models.CharField(
        max_length=64, blank=True, help_text="Stripe's id (ch_…) of what was captured."
    )
    captured_amount = MinorUnitsField(default=0)
    stripe_fee = MinorUnitsField(default=0, help_text="What Stripe kept of the capture.")
    refunded_amount = MinorUnitsField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    authorized_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    lapsed_at = models.DateTimeField(null=True, blank=True)
    hold_warned_at = models.DateTimeField(null=True, blank=True)
    captured_at = models.DateTimeField(null=True, blank=True)
    refunded_at = models.DateTimeField(null=True, blank=True)
    fraud_warning = models.CharField(
        max_length=64, blank=True, help_text="Stripe's id (issfr_…): its card's bank suspects it."
    )
    fraud_warned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(amount__gt=0), name="payment_amount_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=PaymentStatus.values), name="payment_status_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(status=PaymentStatus.AUTHORIZED) | ~models.Q(payment_intent=""),
                name="authorized_payment_has_intent",
            ),
            models.CheckConstraint(
                condition=models.Q(captured_amount__lte=models.F("amount")),
                name="captured_at_most_what_was_held",
            ),
            models.CheckConstraint(
                condition=models.Q(refunded_amount__lte=models.F("captured_amount")),
                name="refunded_at_most_what_was_captured",
            ),
            models.CheckConstraint(
                condition=models.Q(captured_amount=0) | ~models.Q(charge=""),
                name="captured_payment_has_charge",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-created_at", "-id"], name="payment_latest"),
            models.Index(
                fields=["status"],
                condition=models.Q(status=PaymentStatus.RELEASING),
                name="payment_releasing",
            ),
            models.Index(
                fields=["capture_before"],
                condition=models.Q(status=PaymentStatus.AUTHORIZED),
                name="payment_lapsing",
            ),
            models.Index(
                fields=["payment_intent"],
                condition=~models.Q(payment_intent=""),
                name="payment_of_intent",
            ),
        ]

    def __str__(self) -> str:
        return f"payment of order {self.order_id}"


class Kind(models.TextChoices):
    """What an operation asks of Stripe."""

    AUTHORIZE = "authorize", "authorize"
    VOID = "void", "void"
    CAPTURE = "capture", "capture"
    CHARGE = "charge", "charge what is owed"
    REFUND = "refund", "refund"
    TRANSFER_RESTAURANT = "transfer_restaurant", "pay the restaurant"
    TRANSFER_RUNNER = "transfer_runner", "pay the runner"
    REVERSE_RESTAURANT = "reverse_restaurant", "take back from the restaurant"
    REVERSE_RUNNER = "reverse_runner", "take back from the runner"


class Leg(models.TextChoices):
    """Whom a captured payment pays, besides the platform."""

    RESTAURANT = "restaurant", "restaurant"
    RUNNER = "runner", "runner"

    @property
    def transfer(self) -> Kind:
        """The kind of operation that pays it."""
        return Kind(f"transfer_{self.value}")

    @property
    def reversal(self) -> Kind:
        """The kind of operation that takes the pay back."""
        return Kind(f"reverse_{self.value}")


class OperationState(models.TextChoices):
    """What is known of a call. The first three are unresolved: it may have happened, or still."""

    SENT = "sent", "sent"
    UNKNOWN = "unknown", "outcome unknown"
    REQUIRES_ACTION = "requires_action", "waits for the card's owner"
    SUCCEEDED = "succeeded", "succeeded"
    FAILED = "failed", "definitively failed"
    NEEDS_OPERATOR = "needs_operator", "needs a person"


UNRESOLVED = (OperationState.SENT, OperationState.UNKNOWN, OperationState.REQUIRES_ACTION)


class Operation(models.Model):
    """One intended call to Stripe, committed before the call, with our own idempotency key.

    `n` rises only when operation n has definitively failed; a retry, a redelivery or an unknown
    outcome always comes back to the same row, the same key and the same parameters.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="operations")
    order_id = models.UUIDField(db_index=True)
    kind = models.CharField(max_length=20, choices=Kind)
    n = models.PositiveSmallIntegerField(default=1)
    key = models.CharField(max_length=200, unique=True, help_text="Idempotency key at Stripe.")
    params = models.JSONField(help_text="The request as it is sent, each time.")
    amount = MinorUnitsField()
    currency = CurrencyField()
    state = models.CharField(max_length=16, choices=OperationState, default=OperationState.SENT)
    stripe_id = models.CharField(max_length=64, null=True, blank=True)
    tries = models.PositiveIntegerField(default=1)
    read_only = models.BooleanField(
        default=False,
        help_text="The key would only repeat the last answer: only reading can tell more.",
    )
    watched = models.BooleanField(
        default=False, help_text="Its order no longer waits for it; the janitor does."
    )
    code = models.CharField(max_length=80, blank=True)
    message = models.TextField(blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    sent_at = models.DateTimeField(db_default=Now())
    next_try_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["payment", "kind", "n"], name="operation_numbered"),
            models.UniqueConstraint(
                fields=["payment", "kind"],
                condition=~models.Q(state=OperationState.FAILED),
                name="one_live_operation",
            ),
            models.UniqueConstraint(
                fields=["kind", "stripe_id"],
                condition=models.Q(state=OperationState.SUCCEEDED),
                name="one_operation_per_object",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gt=0), name="operation_amount_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=[OperationState.SUCCEEDED, OperationState.FAILED],
                    resolved_at__isnull=False,
                )
                | models.Q(
                    state__in=[*UNRESOLVED, OperationState.NEEDS_OPERATOR],
                    resolved_at__isnull=True,
                ),
                name="operation_resolved_has_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=OperationState.SUCCEEDED)
                | models.Q(stripe_id__isnull=False),
                name="succeeded_operation_has_object",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_try_at"],
                condition=models.Q(next_try_at__isnull=False),
                name="operation_due",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class HeldPayout(models.Model):
    """A payee of an order who could not be paid at once: since when, and why it was last so."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="held_payouts")
    order_id = models.UUIDField(db_index=True)
    leg = models.CharField(max_length=10, choices=Leg)
    amount = MinorUnitsField()
    currency = CurrencyField()
    waits_for = models.CharField(
        max_length=8,
        choices=[
            ("account", "the payee's account"),
            ("balance", "the platform's balance"),
            ("dispute", "the bank's verdict"),
        ],
    )
    reason = models.TextField()
    since = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True, help_text="Paid, or not owed any more.")

    class Meta:
        ordering: ClassVar = ["-since", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["payment", "leg"], name="held_payout_once_a_leg"),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="held_payout_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.leg} of order {self.order_id}"
