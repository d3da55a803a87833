"""Events as Stripe lists them, and where it sends them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import stripe

from payments.errors import StripeUnavailable
from payments.gateway.answers import client, refuse_in_transaction

#: What we ask to be told of: whatever can change an order's money, or who may be paid.
#: https://docs.stripe.com/api/events/types
PLATFORM_TYPES = (
    "payment_intent.amount_capturable_updated",
    "payment_intent.requires_action",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.succeeded",
    "charge.expired",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "radar.early_fraud_warning.created",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "transfer.created",
    "transfer.reversed",
    "balance.available",
)
CONNECT_TYPES = ("account.updated", "capability.updated", "account.application.deauthorized")


def list_events(since: datetime, *, undelivered: bool) -> Iterator[dict[str, Any]]:
    """Events from `since` on, newest first; those that no endpoint has taken, or all.

    Raises StripeUnavailable. https://docs.stripe.com/webhooks/process-undelivered-events
    """
    refuse_in_transaction()
    wanted: dict[str, Any] = {
        "created": {"gte": int(since.timestamp())},
        "types": list(PLATFORM_TYPES),
        "limit": 100,
    }
    if undelivered:
        wanted["delivery_success"] = False
    try:
        page = client().v1.events.list(wanted)  # type: ignore[arg-type]
        for event in page.auto_paging_iter():
            yield event.to_dict()
    except stripe.StripeError as error:
        raise StripeUnavailable(f"Stripe's events could not be listed: {error}") from error


def register_webhook(url: str, *, connect: bool) -> tuple[str, str]:
    """Have Stripe tell `url` of events, in the version that this code speaks; the endpoint's id,
    and the secret that Stripe tells this once. Raises StripeUnavailable.

    https://docs.stripe.com/api/webhook_endpoints/create
    """
    refuse_in_transaction()
    wanted = {
        "url": url,
        "enabled_events": list(CONNECT_TYPES if connect else PLATFORM_TYPES),
        "connect": connect,
        "api_version": stripe.api_version,
    }
    try:
        made = client().v1.webhook_endpoints.create(wanted)  # type: ignore[arg-type]
    except stripe.StripeError as error:
        raise StripeUnavailable(f"{url} could not be registered: {error}") from error
    assert made.secret is not None, "Stripe tells it when an endpoint is made"
    return made.id, made.secret
