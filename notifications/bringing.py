"""Deliveries go out: claimed and committed, then sent with no transaction open, then recorded.

Whoever dies between the sending and the record leaves a delivery that is tried again: at least
once, rarely twice (docs/decisions, 17).
"""

import logging
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from campusg.errors import CampusGError, Refused
from notifications.channels import SENDERS, Letter
from notifications.errors import NotDead
from notifications.models import ERROR_MAX, Delivery, DeliveryState

log = logging.getLogger(__name__)

LIMIT = 200
#: After each failure; when there are no more, it is dead and waits for a person.
WAITS = tuple(timedelta(seconds=seconds) for seconds in (30, 120, 600, 3600))
TRIES = len(WAITS) + 1

# Skips what another worker claims just now. One at a time: a lease covers one sending, not a queue
# of them. A claim counts the try, so that a delivery which kills its worker each time ends too.
_CLAIM = """
    UPDATE notifications_delivery
       SET tries = tries + 1, next_try_at = statement_timestamp() + make_interval(secs => %s)
     WHERE id = (SELECT id FROM notifications_delivery
                  WHERE next_try_at <= statement_timestamp()
                  ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, tries
"""


class Claim(NamedTuple):
    """A delivery that is ours to send, and which try this is: a fence for its record."""

    delivery_id: UUID
    tries: int


def claim() -> Claim | None:
    """Take the delivery that has been due for longest; None when nothing is due."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [settings.DELIVERY_LEASE_SECONDS])
        row = cursor.fetchone()
    return Claim(*row) if row else None


def bring_due(limit: int = LIMIT) -> int:
    """Send what is due, oldest first, until nothing is or `limit` were tried; how many were."""
    brought = 0
    while brought < limit and (claimed := claim()):
        bring(claimed)
        brought += 1
    return brought


def bring(claimed: Claim) -> None:
    """Send one claimed delivery and record what became of it. Refuses inside a transaction."""
    if connection.in_atomic_block:
        raise RuntimeError("A delivery leaves only when everything before it is committed.")
    delivery = Delivery.objects.select_related("notification__person").get(pk=claimed.delivery_id)
    if claimed.tries > TRIES:
        return _failed(claimed, "Its last try never came back.", for_good=True)
    try:
        SENDERS[delivery.channel](_letter(delivery))
    except CampusGError as error:
        _failed(claimed, str(error), for_good=isinstance(error, Refused))
    except Exception as error:
        log.exception("Delivery %s failed in a way nobody foresaw.", delivery.pk)
        _failed(claimed, f"{type(error).__name__}: {error}", for_good=False)
    else:
        _ours(claimed).update(
            state=DeliveryState.SENT, sent_at=Now(), next_try_at=None, last_error=""
        )


def try_again(*, delivery_id: UUID) -> Delivery:
    """A person says so: DEAD → PENDING, due now, with all its tries. Raises NotDead."""
    dead = Delivery.objects.filter(pk=delivery_id, state=DeliveryState.DEAD)
    if not dead.update(state=DeliveryState.PENDING, tries=0, next_try_at=Now(), last_error=""):
        raise NotDead("It has been sent, or is tried again by itself.")
    return Delivery.objects.get(pk=delivery_id)


def _failed(claimed: Claim, error: str, *, for_good: bool) -> None:
    dead = for_good or claimed.tries >= TRIES
    _ours(claimed).update(
        state=DeliveryState.DEAD if dead else DeliveryState.FAILED,
        next_try_at=None if dead else Now() + WAITS[claimed.tries - 1],
        last_error=error[:ERROR_MAX],
    )


def _ours(claimed: Claim) -> QuerySet[Delivery]:
    """The delivery, unless somebody has claimed it after us."""
    return Delivery.objects.filter(pk=claimed.delivery_id, tries=claimed.tries).exclude(
        state__in=[DeliveryState.SENT, DeliveryState.DEAD]
    )


def _letter(delivery: Delivery) -> Letter:
    told = delivery.notification
    return Letter(
        id=delivery.pk,
        email=told.person.email,
        phone=told.person.phone,
        title=told.title,
        body=told.body,
        order_id=told.order_id,
    )
