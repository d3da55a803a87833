"""The outbox: what happened, written in the transaction that made it happen."""

import pgtrigger
from django.db import models
from django.db.models.functions import Now

from campusg.ids import new_id
from campusg.triggers import never_deleted, never_truncated, only_changes


class Stream(models.Model):
    """The counter that numbers one aggregate's events 1, 2, 3 … without a gap.

    A sequence would leave gaps where transactions roll back; a row rolls back with them.
    """

    aggregatetype = models.CharField(max_length=32)
    aggregateid = models.UUIDField()
    version = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["aggregateid", "aggregatetype"], name="events_stream_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.aggregatetype} {self.aggregateid}: {self.version}"


class OutboxEvent(models.Model):
    """One event. Column names are those of Debezium's outbox router."""

    seq = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True, default=new_id, editable=False)
    aggregatetype = models.CharField(max_length=32)
    aggregateid = models.UUIDField()
    aggversion = models.IntegerField()
    type = models.CharField(max_length=64)
    payload = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["aggregateid", "aggregatetype", "aggversion"],
                name="events_outbox_version_unique",
            ),
            models.CheckConstraint(
                condition=models.Q(type__regex=r"^[a-z_]+(\.[a-z_]+)+$"),
                name="events_outbox_type_dotted",
            ),
        ]
        indexes = [
            models.Index(
                fields=["seq"],
                condition=models.Q(published_at__isnull=True),
                name="events_outbox_unpublished",
            ),
        ]
        triggers = [
            only_changes("published_at"),
            never_deleted(pgtrigger.Q(old__published_at__isnull=True)),
            never_truncated(),
        ]

    def __str__(self) -> str:
        return f"{self.type} v{self.aggversion} of {self.aggregateid}"


class InboxEvent(models.Model):
    """An event that one consumer is done with, written in the transaction of its effect.

    It is what makes an effect happen once, however often the broker delivers.
    """

    consumer = models.CharField(max_length=64)
    event_id = models.UUIDField()
    order_id = models.UUIDField()
    version = models.IntegerField()
    type = models.CharField(max_length=64)
    ignored = models.BooleanField(
        default=False, help_text="It came after a later event of its order, so it had no effect."
    )
    handled_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["event_id", "consumer"], name="events_inbox_once_per_consumer"
            ),
        ]
        indexes = [
            models.Index(fields=["order_id", "consumer", "version"], name="events_inbox_versions"),
        ]

    def __str__(self) -> str:
        return f"{self.consumer}: {self.type} v{self.version} of {self.order_id}"
