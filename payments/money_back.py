"""Money that went back to a card: refunds as Stripe has them, and what card holders dispute."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from campusg.ids import new_id
from campusg.money import CurrencyField, MinorUnitsField
from campusg.triggers import never_deleted, never_truncated


class RefundStatus(models.TextChoices):
    """As Stripe names it: https://docs.stripe.com/api/refunds/object#refund_object-status"""

    PENDING = "pending", "under way"
    REQUIRES_ACTION = "requires_action", "waits for the customer"
    SUCCEEDED = "succeeded", "sent"
    FAILED = "failed", "came back"
    CANCELED = "canceled", "called off"


#: The customer does not have it. A refund may come to this weeks after it had succeeded.
CAME_TO_NOTHING = (RefundStatus.FAILED, RefundStatus.CANCELED)


class Refund(models.Model):
    """A refund at Stripe that an operation of ours made; its status is Stripe's current one."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    stripe_id = models.CharField(max_length=64, unique=True)
    payment = models.ForeignKey(
        "payments.Payment", on_delete=models.PROTECT, related_name="refunds"
    )
    operation = models.OneToOneField("payments.Operation", on_delete=models.PROTECT)
    order_id = models.UUIDField(db_index=True)
    amount = MinorUnitsField()
    currency = CurrencyField()
    status = models.CharField(max_length=16, choices=RefundStatus)
    failure_reason = models.CharField(max_length=80, blank=True)
    was_sent = models.BooleanField(
        default=False, help_text="It had succeeded: failing, it brought the money back to us."
    )
    created_at = models.DateTimeField(db_default=Now())
    failed_at = models.DateTimeField(null=True, blank=True)
    repaid_at = models.DateTimeField(null=True, blank=True, help_text="Paid otherwise, by hand.")
    repaid_by = models.UUIDField(null=True, blank=True)
    repaid_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(status__in=RefundStatus.values), name="refund_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(repaid_at=None, repaid_by=None, repaid_reason="")
                | (
                    models.Q(repaid_at__isnull=False, repaid_by__isnull=False)
                    & models.Q(failed_at__isnull=False)
                    & ~models.Q(repaid_reason="")
                ),
                name="refund_repaid_by_somebody_for_a_reason",
            ),
        ]
        triggers: ClassVar = [never_deleted(), never_truncated()]

    def __str__(self) -> str:
        return f"{self.stripe_id} of order {self.order_id}"


class DisputeStatus(models.TextChoices):
    """As Stripe names it: https://docs.stripe.com/api/disputes/object#dispute_object-status"""

    WARNING_NEEDS_RESPONSE = "warning_needs_response", "an inquiry, to be answered"
    WARNING_UNDER_REVIEW = "warning_under_review", "an inquiry, answered"
    WARNING_CLOSED = "warning_closed", "an inquiry that came to nothing"
    NEEDS_RESPONSE = "needs_response", "to be answered"
    UNDER_REVIEW = "under_review", "answered; the bank decides"
    APPEAL_NEEDS_RESPONSE = "appeal_needs_response", "lost; an appeal may be made"
    APPEAL_UNDER_REVIEW = "appeal_under_review", "appealed; the bank decides"
    WON = "won", "won"
    LOST = "lost", "lost"
    PREVENTED = "prevented", "settled before it was a dispute"


DECIDED = (
    DisputeStatus.WON,
    DisputeStatus.LOST,
    DisputeStatus.PREVENTED,
    DisputeStatus.WARNING_CLOSED,
)
OPEN = tuple(status for status in DisputeStatus if status not in DECIDED)


class Payees(models.TextChoices):
    """What becomes of those who were not paid yet when a dispute was lost."""

    PAID = "paid", "paid all the same"
    UNPAID = "unpaid", "not paid"


class Dispute(models.Model):
    """What a card's holder says against a charge, as Stripe last told it; its evidence is given at
    Stripe. While it is open nobody is paid on of its order, nor after a loss, before an operator
    has said so."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    stripe_id = models.CharField(max_length=64, unique=True)
    payment = models.ForeignKey(
        "payments.Payment", on_delete=models.PROTECT, related_name="disputes"
    )
    order_id = models.UUIDField(db_index=True)
    amount = MinorUnitsField()
    currency = CurrencyField()
    reason = models.CharField(max_length=40)
    status = models.CharField(max_length=24, choices=DisputeStatus)
    evidence_due_by = models.DateTimeField(null=True, blank=True)
    refundable = models.BooleanField(help_text="Whether a refund would still end it, says Stripe.")
    withdrawn = MinorUnitsField(default=0, help_text="What the bank took, without the fee.")
    reinstated = MinorUnitsField(default=0, help_text="What of it came back.")
    fee = MinorUnitsField(default=0, help_text="What Stripe kept of us for it.")
    opened_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=0, help_text="How often it was noted.")
    payees = models.CharField(
        max_length=8, choices=Payees, blank=True, help_text="Who was not paid yet when it was lost."
    )
    payees_decided_by = models.UUIDField(null=True, blank=True)
    payees_decided_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["-opened_at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(status__in=DisputeStatus.values), name="dispute_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=DECIDED, closed_at__isnull=False)
                | models.Q(status__in=OPEN, closed_at__isnull=True),
                name="dispute_closed_has_time",
            ),
            models.CheckConstraint(
                condition=models.Q(payees="", payees_decided_by=None, payees_decided_reason="")
                | (
                    models.Q(payees__in=Payees.values, payees_decided_by__isnull=False)
                    & ~models.Q(payees_decided_reason="")
                ),
                name="dispute_payees_decided_by_somebody_for_a_reason",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["evidence_due_by"],
                condition=models.Q(closed_at__isnull=True),
                name="dispute_to_be_answered",
            )
        ]
        triggers: ClassVar = [never_deleted(), never_truncated()]

    def __str__(self) -> str:
        return f"{self.stripe_id} of order {self.order_id}"
