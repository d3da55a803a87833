"""The breaker: while Stripe does not answer, nobody waits for it and no new order is taken.

Its state is one row in PostgreSQL, not a flag in a process: it is the workers who notice that
Stripe is gone and the web processes who have to turn orders away, on the database's clock. What is
already owed to Stripe (captures, voids, transfers) stays in its operations, which come back on
their own schedules; nothing is dropped.
"""

import logging
import time
from dataclasses import dataclass
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models

log = logging.getLogger(__name__)

#: So close together must STRIPE_BREAKER_FAILURES be, with no answer in between, to open it.
WINDOW_SECONDS = 30
#: How long a process trusts what it last read of the row.
_TRUSTED_SECONDS = 0.5


class StripeLine(models.Model):
    """What all processes together know of the line to Stripe. One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    failures = ArrayField(
        models.DateTimeField(),
        default=list,
        help_text="Calls of late that Stripe did not answer, since the last that it did.",
    )
    open_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then no call is made; then one tries."
    )
    events_seen_until = models.DateTimeField(
        null=True, blank=True, help_text="Stripe's list of events was looked through until then."
    )

    class Meta:
        verbose_name = "line to Stripe"
        verbose_name_plural = "line to Stripe"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_line_to_stripe")
        ]

    def __str__(self) -> str:
        return "closed" if self.open_until is None else f"open until {self.open_until}"


@dataclass(frozen=True)
class _Seen:
    """The row as it was read at `at` (of this process's monotonic clock)."""

    at: float
    failures: int = 0
    open_seconds: float | None = None  # until it may be tried; None when it is closed

    @property
    def left(self) -> float:
        """Seconds until a call may be made."""
        if self.open_seconds is None:
            return 0.0
        return max(0.0, self.at + self.open_seconds - time.monotonic())


_seen = _Seen(-_TRUSTED_SECONDS)

_SHOWN = "cardinality(failures), extract(epoch FROM open_until - now())::float8"
_READ = f"SELECT {_SHOWN} FROM payments_stripeline WHERE id = 1"
_TRY = f"""
UPDATE payments_stripeline SET open_until = now() + make_interval(secs => %(open)s)
WHERE id = 1 AND open_until <= now() RETURNING {_SHOWN}
"""
_FAILED = f"""
INSERT INTO payments_stripeline AS line (id, failures) VALUES (1, ARRAY[now()])
ON CONFLICT (id) DO UPDATE SET
    failures = ARRAY(SELECT f FROM unnest(line.failures || now()) AS f
                     WHERE f > now() - make_interval(secs => %(window)s)),
    open_until = CASE WHEN line.open_until IS NOT NULL OR %(most)s <= (
                         SELECT count(*) FROM unnest(line.failures || now()) AS f
                         WHERE f > now() - make_interval(secs => %(window)s))
                      THEN now() + make_interval(secs => %(open)s) END
RETURNING {_SHOWN}
"""
_ANSWERED = f"""
UPDATE payments_stripeline SET failures = '{{}}', open_until = NULL WHERE id = 1 RETURNING {_SHOWN}
"""


def open_for() -> float:
    """Seconds for which no call will be made; 0 while calls are, or one may be tried."""
    return _look().left if settings.STRIPE_BREAKER_FAILURES else 0.0


def enter() -> float:
    """0 when the caller may call Stripe now, else the seconds to wait. Once the time is over, one
    of all processes may try; the others wait for what it finds."""
    if not settings.STRIPE_BREAKER_FAILURES:
        return 0.0
    seen = _look()
    if seen.open_seconds is None or seen.left:
        return seen.left
    if _run(_TRY) is not None:
        log.warning("trying whether Stripe answers again")
        return 0.0
    return _look(fresh=True).left


def failed() -> None:
    """A call got no answer, or a 5xx."""
    if not settings.STRIPE_BREAKER_FAILURES:
        return
    was_open = _seen.open_seconds is not None
    now = _run(_FAILED)
    if now is not None and now.open_seconds is not None and not was_open:
        log.error("Stripe does not answer: no new orders for %s s", round(now.open_seconds))


def answered() -> None:
    """A call got an answer, whatever it said."""
    if settings.STRIPE_BREAKER_FAILURES and (_seen.failures or _seen.open_seconds is not None):
        if _seen.open_seconds is not None:
            log.warning("Stripe answers again")
        _run(_ANSWERED)


def forget() -> None:
    """Read the row anew at the next look."""
    global _seen
    _seen = _Seen(-_TRUSTED_SECONDS)


def _look(*, fresh: bool = False) -> _Seen:
    if fresh or time.monotonic() - _seen.at > _TRUSTED_SECONDS:
        _run(_READ)
    return _seen


def _run(statement: str) -> _Seen | None:
    """Run it and remember the row that it returns; None when it returns none."""
    global _seen
    values: dict[str, Any] = {
        "window": WINDOW_SECONDS,
        "most": settings.STRIPE_BREAKER_FAILURES,
        "open": settings.STRIPE_BREAKER_OPEN_SECONDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
    if row is None and statement is not _READ:
        return None
    _seen = _Seen(time.monotonic(), *(row or ()))
    return _seen
