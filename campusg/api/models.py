"""The answers already given, so that a client may ask twice."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class IdempotencyKey(models.Model):
    """A client's key and the answer it got, committed together with the work they stand for."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    route = models.CharField(max_length=200, help_text="Method and path.")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the canonical body.")
    status_code = models.PositiveSmallIntegerField(
        null=True, help_text="Empty only inside the transaction that does the work."
    )
    location = models.CharField(max_length=300, blank=True, default="")
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [
            # Also what a second request with the same key waits on.
            models.UniqueConstraint(
                fields=["user", "route", "key"], name="api_key_once_per_user_and_route"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.route} {self.key}"
