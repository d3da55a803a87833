"""What Stripe tells us: whether it does, in our version, and whether anything died of it."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.urls import reverse

from events.dead_letters import letters
from events.registry import consumers
from payments.backfill import GAP
from payments.gateway import (
    API_VERSION,
    CONNECT_TYPES,
    PLATFORM_TYPES,
    Endpoint,
    webhook_endpoints,
)
from payments.webhooks import standing
from sagas.doctor.lines import Line, fail, ok, warn

_REGISTER = "manage.py webhooks register, then set its secrets."


def endpoints() -> Iterator[Line]:
    """Stripe knows where to tell us, of what, and in which version of its API."""
    known = webhook_endpoints()
    for route, types, secrets in (
        ("stripe-webhook", PLATFORM_TYPES, settings.STRIPE_WEBHOOK_SECRETS),
        ("stripe-connect-webhook", CONNECT_TYPES, settings.STRIPE_CONNECT_WEBHOOK_SECRETS),
    ):
        url = f"{settings.SITE_URL.rstrip('/')}{reverse(route)}"
        found = [one for one in known if one.url == url and one.enabled]
        yield _endpoint(reverse(route), found, frozenset(types), bool(secrets))


def _endpoint(about: str, found: list[Endpoint], types: frozenset[str], has_secret: bool) -> Line:
    """An old endpoint beside the new one would tell everything twice, and in its own version."""
    other = sorted({one.version or "the account's" for one in found} - {API_VERSION})
    untold = sorted(types - frozenset().union(*(one.hears for one in found)))
    if not found:
        return warn(about, "Stripe does not know this site: it is told minutes late", _REGISTER)
    if not has_secret:
        return fail(about, "no secret: every event is refused", _REGISTER)
    if other:
        seen = f"told in {', '.join(other)}, this code speaks {API_VERSION}"
        return fail(about, seen, f"{_REGISTER} Delete the old endpoint at Stripe.")
    if untold:
        return warn(
            about, f"not told of {', '.join(untold)}", "Add them to the endpoint at Stripe."
        )
    return ok(about, f"told in {API_VERSION}")


def webhooks() -> Iterator[Line]:
    """They arrive, soon after calls of ours that give rise to them, and are followed."""
    now, last, called, dead = standing()
    seen = f"last one {_ago(now - last)} ago" if last else "none yet"
    if called is not None and (last is None or called - last > GAP):
        remedy = "Look at the endpoint's deliveries at Stripe; its list is read each five minutes."
        yield warn("webhooks", f"{seen}, and calls were made since", remedy)
    else:
        yield ok("webhooks", seen)
    if dead:
        remedy = "manage.py webhooks list --state dead, then webhooks retry."
        yield warn("dead webhooks", f"{dead} given up after ten tries", remedy)
    else:
        yield ok("dead webhooks", "none")


def dead_letters() -> Iterator[Line]:
    """Every consumer could make use of every event."""
    for consumer in consumers():
        number = sum(letter.is_open for letter in letters(consumer))
        about = f"dead letters of {consumer.name}"
        if number:
            look = f"manage.py dlq list --consumer {consumer.name}, then dlq redrive."
            yield warn(about, f"{number} open", look)
        else:
            yield ok(about, "none")


def _ago(age: timedelta) -> str:
    minutes = int(age.total_seconds()) // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
