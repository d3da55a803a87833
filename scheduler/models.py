"""Due events: what shall happen at a time, one row each."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from campusg.ids import new_id


class EventType(models.TextChoices):
    ORDER_TIMEOUT = "ORDER_TIMEOUT"
    PAYMENT_AUTHORIZATION_EXPIRY = "PAYMENT_AUTHORIZATION_EXPIRY"
    DELIVERY_REMINDER = "DELIVERY_REMINDER"
    ESCROW_TIMEOUT = "ESCROW_TIMEOUT"


class EventStatus(models.TextChoices):
    PENDING = "PENDING"
    FIRED = "FIRED"
    CANCELLED = "CANCELLED"
    IGNORED = "IGNORED"


class ScheduledEvent(models.Model):
    """One due event. Late or superfluous ones end as IGNORED: visible and harmless."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event_type = models.CharField(max_length=32, choices=EventType)
    entity_id = models.UUIDField(help_text="What it is about: an order, a payment, a hold.")
    due_at = models.DateTimeField()
    payload = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=9, choices=EventStatus, default=EventStatus.PENDING)
    created_at = models.DateTimeField(db_default=Now())
    fired_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["event_type", "entity_id"],
                condition=Q(status=EventStatus.PENDING),
                name="scheduler_one_pending_per_entity",
            ),
            models.CheckConstraint(
                condition=Q(event_type__in=EventType.values), name="scheduler_type_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=EventStatus.values), name="scheduler_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(status=EventStatus.FIRED) | Q(fired_at__isnull=False),
                name="scheduler_fired_has_its_time",
            ),
            models.CheckConstraint(
                condition=~Q(status=EventStatus.CANCELLED) | Q(cancelled_at__isnull=False),
                name="scheduler_cancelled_has_its_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(status=EventStatus.PENDING),
                name="scheduler_due_pending",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} of {self.entity_id} at {self.due_at:%Y-%m-%d %H:%M:%S}"
