"""Which event goes to which endpoint, and how far that has come; kept with the event itself.

https://docs.stripe.com/webhooks
"""

import hashlib
import hmac
import json
from collections.abc import Iterable

from devstack.stripe_sandbox.store import Json, Store

DAY = 86_400
# "Stripe attempts to deliver events to your destination for up to three days with an exponential
# back off in live mode." https://docs.stripe.com/webhooks#automatic-retries
# Those three days are documented; the steps of the back-off are not, so these are ours.
_GIVES_UP_AFTER = 3 * DAY
_FIRST_RETRY, _LONGEST_PAUSE = 60, DAY // 2


def enqueue(store: Store, event: Json, now: int) -> int:
    """Puts an event in the way of every endpoint that listens to it, and returns how many do."""
    listening = [one["id"] for one in _endpoints(store) if _listens(one, event)]
    for endpoint in listening:
        store.rows(
            "INSERT INTO delivery (event, endpoint, request, state, next_at, created) "
            "VALUES (?, ?, ?, 'pending', ?, ?)",
            event["id"],
            endpoint,
            event["request"]["id"] or "",
            now,
            now,
        )
    return len(listening)


def _endpoints(store: Store) -> list[Json]:
    rows = store.rows("SELECT body FROM object WHERE kind = 'webhook_endpoint' ORDER BY seq")
    return [json.loads(body) for (body,) in rows]


def _listens(endpoint: Json, event: Json) -> bool:
    """An account's endpoint hears of the platform, a Connect endpoint of its connected accounts.

    https://docs.stripe.com/connect/webhooks
    """
    chosen = endpoint["enabled_events"]
    return (
        endpoint["status"] == "enabled"
        and bool(endpoint["application"]) == ("account" in event)
        and ("*" in chosen or event["type"] in chosen)
    )


def succeeded(store: Store, delivery: int, status: int) -> None:
    """Notes that an endpoint has answered 2xx, and takes it off the event's `pending_webhooks`.

    https://docs.stripe.com/api/events/object#event_object-pending_webhooks
    """
    with store.transaction():
        ((event,),) = store.rows(
            "UPDATE delivery SET state = 'delivered', attempts = attempts + 1, status = ?, "
            "error = '' WHERE id = ? RETURNING event",
            status,
            delivery,
        )
        ((left,),) = store.rows(
            "SELECT count(DISTINCT endpoint) FROM delivery WHERE event = ? AND endpoint NOT IN "
            "(SELECT endpoint FROM delivery WHERE event = ? AND state = 'delivered')",
            event,
            event,
        )
        store.rows(
            "UPDATE object SET body = json_set(body, '$.pending_webhooks', ?) WHERE id = ?",
            left,
            event,
        )


def failed(
    store: Store, delivery: int, now: float, scale: float, status: int | None, error: str
) -> None:
    """Notes a failed attempt, and when the next is due, until three days are over.

    `scale` stretches or shortens those days. https://docs.stripe.com/webhooks#automatic-retries
    """
    ((attempts, created),) = store.rows(
        "SELECT attempts, created FROM delivery WHERE id = ?", delivery
    )
    due = now + scale * min(_FIRST_RETRY * 2**attempts, _LONGEST_PAUSE)
    state = "failed" if due > created + scale * _GIVES_UP_AFTER else "pending"
    store.rows(
        "UPDATE delivery SET state = ?, attempts = attempts + 1, next_at = ?, status = ?, "
        "error = ? WHERE id = ?",
        state,
        due,
        status,
        error,
        delivery,
    )


def secrets_of(store: Store, endpoint: str, now: int) -> list[str]:
    """The secrets to sign with, the newest first; two while one is rolled."""
    rows = store.rows(
        "SELECT secret FROM webhook_secret WHERE endpoint = ? AND (until IS NULL OR until > ?) "
        "ORDER BY rowid DESC",
        endpoint,
        now,
    )
    return [secret for (secret,) in rows]


def signature(body: bytes, moment: int, secrets: Iterable[str]) -> str:
    """The `Stripe-Signature` header: HMAC-SHA256 of `t.body`, once under each secret, and the fake
    `v0` that accompanies test events.

    https://docs.stripe.com/webhooks#verify-manually
    """
    signed = str(moment).encode() + b"." + body
    real = [hmac.new(key.encode(), signed, hashlib.sha256).hexdigest() for key in secrets]
    fake = hashlib.sha256(signed).hexdigest()
    return ",".join([f"t={moment}", *(f"v1={one}" for one in real), f"v0={fake}"])
