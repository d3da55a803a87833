"""What somebody was told, and each way in which it was, or is to be, brought to them."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from campusg.ids import new_id
from campusg.triggers import only_changes

TITLE_MAX = 120
ERROR_MAX = 500


class Role(models.TextChoices):
    """As what somebody is told."""

    CUSTOMER = "customer"
    RUNNER = "runner"
    RESTAURANT = "restaurant"
    OPS = "ops"


class Notification(models.Model):
    """One event in words for one person; a row of their inbox."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notifications"
    )
    role = models.CharField(max_length=10, choices=Role)
    event_id = models.UUIDField()
    order_id = models.UUIDField()
    type = models.CharField(max_length=64)
    title = models.CharField(max_length=TITLE_MAX)
    body = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["event_id", "person"], name="notifications_one_per_event_and_person"
            ),
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="notifications_role_known"
            ),
        ]
        indexes = [
            models.Index(fields=["person", "-id"], name="notifications_inbox"),
            models.Index(
                fields=["person", "-id"],
                condition=Q(read_at__isnull=True),
                name="notifications_unread",
            ),
            models.Index(fields=["order_id", "id"], name="notifications_of_order"),
        ]
        triggers = [only_changes("read_at")]

    def __str__(self) -> str:
        return self.title


class Channel(models.TextChoices):
    """A way to reach somebody; what is in the app is there as soon as the row is."""

    IN_APP = "in_app", "in the app"
    EMAIL = "email", "e-mail"
    SMS = "sms", "SMS"


class DeliveryState(models.TextChoices):
    """PENDING → SENT; or FAILED, tried again later, until it is DEAD and waits for a person."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    DEAD = "dead"


class Delivery(models.Model):
    """One notification by one channel: a row committed before anything is sent."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    notification = models.ForeignKey(
        Notification, on_delete=models.CASCADE, related_name="deliveries"
    )
    channel = models.CharField(max_length=6, choices=Channel)
    state = models.CharField(max_length=7, choices=DeliveryState, default=DeliveryState.PENDING)
    tries = models.SmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    last_error = models.CharField(max_length=ERROR_MAX, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["notification", "channel"], name="notifications_one_delivery_per_channel"
            ),
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values, state__in=DeliveryState.values),
                name="notifications_delivery_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[DeliveryState.PENDING, DeliveryState.FAILED],
                    next_try_at__isnull=False,
                )
                | Q(state__in=[DeliveryState.SENT, DeliveryState.DEAD], next_try_at__isnull=True),
                name="notifications_undelivered_is_due",
            ),
            models.CheckConstraint(
                condition=Q(state=DeliveryState.SENT, sent_at__isnull=False)
                | (~Q(state=DeliveryState.SENT) & Q(sent_at__isnull=True)),
                name="notifications_sent_has_its_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=Q(next_try_at__isnull=False),
                name="notifications_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} of {self.notification_id}: {self.state}"
