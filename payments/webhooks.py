"""Webhooks: whatever comes signed by Stripe is kept and answered; work is done later.

https://docs.stripe.com/webhooks: at least once, in any order, signed over `timestamp.body`.
"""

import enum
import hashlib
import hmac
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from celery import current_app
from django.conf import settings
from django.db import connection
from kombu.exceptions import OperationalError

from campusg.errors import Refused
from payments import operations
from payments.stripe_events import EventState, Notice, Source, store

log = logging.getLogger(__name__)

#: As in Stripe's own libraries; theirs, however, take an event from the future.
TOLERANCE = timedelta(seconds=300)
#: A signature is made when an event is sent, so more than this between Stripe's clock and the
#: database's means that one of them is wrong.
SKEW_ALARM = timedelta(seconds=60)
BODY_MAX = 256 * 1024
#: The task that follows what was received.
FOLLOW = "sagas.follow_stripe_events"

_STANDING = """
SELECT statement_timestamp(), max(received_at) FILTER (WHERE source = %(webhook)s),
       (SELECT max(sent_at) FROM payments_operation WHERE state = 'succeeded'),
       count(*) FILTER (WHERE state = %(dead)s)
  FROM payments_stripeevent
"""


class Endpoint(enum.Enum):
    """What is told where: of our own account, or of those connected to it."""

    PLATFORM = "platform"
    CONNECT = "connect"

    @property
    def secrets(self) -> list[str]:
        """Those it may be signed with; two while one is replaced."""
        if self is Endpoint.CONNECT:
            return list(settings.STRIPE_CONNECT_WEBHOOK_SECRETS)
        return list(settings.STRIPE_WEBHOOK_SECRETS)


class Standing(NamedTuple):
    """When, by the database's clock, Stripe last told us of an event, and when we last called it
    and it did as asked; how many events are dead."""

    now: datetime
    heard_at: datetime | None
    called_at: datetime | None
    dead: int


class NotSignedByStripe(Refused):
    """The signature is missing, wrong, too old or from the future."""

    code = "not_signed_by_stripe"
    status = 400


class NotAnEvent(Refused):
    """It is signed, but it is no event of Stripe's API v1."""

    code = "not_an_event"
    status = 400


def receive(body: bytes, signature: str, endpoint: Endpoint) -> bool:
    """Keep an event, once; True if it is new. Raises NotSignedByStripe, NotAnEvent."""
    signed_at = _signed_at(body, signature, endpoint.secrets)
    _check_time(signed_at)
    try:
        notice = Notice.of(json.loads(body))
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise NotAnEvent("This is no event of Stripe's API v1.") from error
    except RecursionError as error:
        raise NotAnEvent("It is nested too deeply.") from error
    why = why_not_ours(notice, endpoint)
    if why:
        log.error("event %s (%s) is quarantined: %s", notice.id, notice.type, why)
    new = store([(notice, why)], Source.WEBHOOK) == 1
    if new and not why:
        hint()
    return new


def why_not_ours(notice: Notice, endpoint: Endpoint) -> str:
    """Why an event, though signed, is none of our business; empty when it is."""
    if notice.livemode != is_live():
        return "It comes from test mode and we are live." if is_live() else "It comes from live."
    if notice.env and notice.env != settings.CAMPUSG_ENV:
        return f"Its object belongs to the environment {notice.env}."
    if bool(notice.account) != (endpoint is Endpoint.CONNECT):
        return "It came to the other endpoint's address."
    return ""


def standing() -> Standing:
    """How it stands with Stripe's telling and our following."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, {"webhook": Source.WEBHOOK, "dead": EventState.DEAD})
        return Standing(*cursor.fetchone())


def is_live() -> bool:
    """Whether our key moves real money. https://docs.stripe.com/keys"""
    return settings.STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))


def hint() -> None:
    """Tell a worker that there is something to follow; without a broker the pulse finds it."""
    try:
        current_app.send_task(FOLLOW, queue="remote", retry=False, expires=60)
    except (OperationalError, OSError) as error:
        log.warning("no worker was told of an event: %s", error)


def _signed_at(body: bytes, signature: str, secrets: list[str]) -> datetime:
    """When it was signed, if it was, by one of the secrets.

    https://docs.stripe.com/webhooks#verify-manually
    """
    parts = [part.partition("=")[::2] for part in signature.split(",")]
    times = [value for name, value in parts if name == "t" and value.isascii() and value.isdigit()]
    given = [value for name, value in parts if name == "v1"]
    if len(times) == 1 and len(times[0]) <= 12:
        signed = times[0].encode() + b"." + body
        for secret in secrets:
            right = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
            if any(hmac.compare_digest(right.encode(), one.encode()) for one in given):
                return datetime.fromtimestamp(int(times[0]), UTC)
    raise NotSignedByStripe("Stripe-Signature is not that of this body.")


def _check_time(signed_at: datetime) -> None:
    """By the database's clock: an application server's may be wrong without anybody's harm."""
    skew = abs(operations.now() - signed_at)
    if skew > TOLERANCE:
        raise NotSignedByStripe("It was signed too long ago, or will be: sign it again now.")
    if skew > SKEW_ALARM:
        log.error("the database's clock and Stripe's are %s s apart", round(skew.total_seconds()))
