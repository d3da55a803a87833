"""What Stripe has told us of, once each: a queue of hints to look again, never of what is so.

Of an event only its name is kept and whom it is about. What it says may be old by the time it is
read, and holds what must not be stored (a client secret, a card's details); so its object is read
from Stripe anew.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db import connection, models
from django.db.models.functions import Now

#: After so many tries in vain an event waits for a person.
TRIES = 10
#: So long one who took an event is left alone with it: about as long as Stripe may take to answer.
#: Whoever takes longer is not alone any more, which does no harm: what is learnt is learnt once.
BUSY_SECONDS = 20


class EventState(models.TextChoices):
    """What has become of an event."""

    RECEIVED = "received", "to be followed"
    DONE = "done", "followed"
    QUARANTINED = "quarantined", "not ours: no effect"
    DEAD = "dead", "given up: needs a person"


class Source(models.TextChoices):
    """How we came to know of an event."""

    WEBHOOK = "webhook", "Stripe sent it"
    BACKFILL = "backfill", "fetched from Stripe's list"


class StripeEvent(models.Model):
    """An event of Stripe's: which, about what, and whether it was followed."""

    id = models.CharField(primary_key=True, max_length=64, editable=False)
    type = models.CharField(max_length=80)
    account = models.CharField(
        max_length=64, blank=True, help_text="The connected account that it happened to, if one."
    )
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64, blank=True)
    payment_intent = models.CharField(max_length=64, blank=True)
    order_id = models.UUIDField(null=True, blank=True)
    operation_id = models.UUIDField(null=True, blank=True)
    source = models.CharField(max_length=8, choices=Source, default=Source.WEBHOOK)
    state = models.CharField(max_length=12, choices=EventState, default=EventState.RECEIVED)
    note = models.TextField(blank=True, help_text="What came of it, or why nothing did.")
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(help_text="By Stripe's clock.")
    received_at = models.DateTimeField(db_default=Now())
    next_try_at = models.DateTimeField(db_default=Now(), null=True, blank=True)
    busy_until = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-received_at", "-id"]
        verbose_name = "event of Stripe's"
        verbose_name_plural = "events of Stripe's"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=EventState.values), name="stripe_event_state_known"
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_try_at"],
                condition=models.Q(state=EventState.RECEIVED),
                name="stripe_event_due",
            ),
            models.Index(fields=["-received_at", "-id"], name="stripe_event_latest"),
            models.Index(fields=["order_id"], name="stripe_event_order"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.object_id}"


@dataclass(frozen=True)
class Notice:
    """What is kept of an event, as Stripe sent or listed it."""

    id: str
    type: str
    account: str
    object_type: str
    object_id: str
    payment_intent: str
    order_id: UUID | None
    operation_id: UUID | None
    env: str
    livemode: bool
    created_at: datetime

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> "Notice":
        """Raises ValueError, TypeError or KeyError for what is no event of API v1."""
        if event["object"] != "event":
            raise ValueError(f"{event['object']} is no event")
        about = event["data"]["object"]
        metadata = about.get("metadata") or {}
        is_intent = about["object"] == "payment_intent"
        return cls(
            id=_short(event["id"], 64),
            type=_short(event["type"], 80),
            account=_short(event.get("account") or "", 64),
            object_type=_short(about["object"], 40),
            object_id=_short(about.get("id") or "", 64),
            payment_intent=_short(
                (about["id"] if is_intent else about.get("payment_intent")) or "", 64
            ),
            order_id=_uuid(metadata.get("order_id")),
            operation_id=_uuid(metadata.get("operation_id")),
            env=str(metadata.get("env", "")),
            livemode=event["livemode"] is True,
            created_at=datetime.fromtimestamp(event["created"], UTC),
        )


_COLUMNS = (
    "id", "type", "account", "object_type", "object_id", "payment_intent", "order_id",
    "operation_id", "created_at",
)  # fmt: skip
_INSERT = f"""
INSERT INTO payments_stripeevent ({", ".join(_COLUMNS)}, source, state, note, tries)
SELECT {", ".join(f"new.{column}" for column in _COLUMNS)}, %s, new.state, new.note, 0
FROM jsonb_to_recordset(%s::jsonb) AS new(
    id text, type text, account text, object_type text, object_id text, payment_intent text,
    order_id uuid, operation_id uuid, created_at timestamptz, state text, note text)
ON CONFLICT (id) DO NOTHING
"""
# One at a time: a lease covers one event, not a queue of them, so that whoever dies leaves one.
# After `=` the SELECT is run once. Joined to the table PostgreSQL may run it for each row of that
# and take them all, which it does while it believes the table to be nearly empty.
_CLAIM = """
UPDATE payments_stripeevent
SET tries = tries + 1, busy_until = now() + make_interval(secs => %(busy)s)
WHERE id = (SELECT id FROM payments_stripeevent
            WHERE state = 'received' AND next_try_at <= now()
              AND (busy_until IS NULL OR busy_until < now())
            ORDER BY next_try_at LIMIT 1
            FOR UPDATE SKIP LOCKED)
RETURNING id
"""


def store(notices: Sequence[tuple[Notice, str]], source: Source) -> int:
    """Keep events that are new, each with why it is quarantined, or an empty text; how many were
    new. One statement."""
    rows = [
        {column: getattr(notice, column) for column in _COLUMNS}
        | {"state": EventState.QUARANTINED if why else EventState.RECEIVED, "note": why}
        for notice, why in notices
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [source, json.dumps(rows, default=str)])
        new: int = cursor.rowcount
    return new


def claim() -> StripeEvent | None:
    """The event that has been due for longest, taken so that nobody else follows it meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"busy": BUSY_SECONDS})
        row = cursor.fetchone()
    return StripeEvent.objects.get(pk=row[0]) if row else None


def waiting() -> bool:
    """Whether an event is due that nobody has taken."""
    due = StripeEvent.objects.filter(state=EventState.RECEIVED, next_try_at__lte=Now())
    return due.filter(models.Q(busy_until=None) | models.Q(busy_until__lt=Now())).exists()


def finish(event: StripeEvent, state: EventState, note: str = "") -> None:
    """Say what came of an event, unless somebody else has taken it since."""
    _ours(event).update(
        state=state, note=note[:2000], done_at=Now(), next_try_at=None, busy_until=None
    )


def put_off(event: StripeEvent, seconds: float, note: str) -> None:
    """Have it followed again after so many seconds, unless somebody else has taken it since."""
    _ours(event).update(
        next_try_at=Now() + timedelta(seconds=seconds), busy_until=None, note=note[:2000]
    )


def try_again(ids: Sequence[str]) -> int:
    """Follow these once more from the start, whatever came of them; how many there are."""
    return StripeEvent.objects.filter(pk__in=ids).update(
        state=EventState.RECEIVED, tries=0, next_try_at=Now(), busy_until=None, done_at=None
    )


def prune(days: int, batch: int) -> int:
    """Delete up to `batch` events received more than `days` days ago; how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM payments_stripeevent WHERE id IN (SELECT id FROM payments_stripeevent"
            " WHERE received_at < now() - make_interval(days => %s) LIMIT %s)",
            [days, batch],
        )
        gone: int = cursor.rowcount
    return gone


def _ours(event: StripeEvent) -> models.QuerySet[StripeEvent]:
    return StripeEvent.objects.filter(pk=event.pk, tries=event.tries)


def _short(value: Any, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"{value!r} is no name of Stripe's")
    return value


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(str(value)) if value else None
    except ValueError:
        return None
