"""Events as Stripe lists them, and where it sends them."""

from collections.abc import Iterator
from dataclasses import dataclass
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
#: The version in which this code asks, and wants to be told.
API_VERSION = stripe.api_version


@dataclass(frozen=True)
class Endpoint:
    """An address that Stripe tells of events. Without a version: the account's own."""

    url: str
    version: str
    enabled: bool
    types: frozenset[str]

    @property
    def hears(self) -> frozenset[str]:
        """Of the types that we ask for, those that it is told of."""
        ours = frozenset(PLATFORM_TYPES + CONNECT_TYPES)
        return ours if "*" in self.types else self.types & ours


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
        "api_version": API_VERSION,
    }
    try:
        made = client().v1.webhook_endpoints.create(wanted)  # type: ignore[arg-type]
    except stripe.StripeError as error:
        raise StripeUnavailable(f"{url} could not be registered: {error}") from error
    assert made.secret is not None, "Stripe tells it when an endpoint is made"
    return made.id, made.secret


def webhook_endpoints() -> list[Endpoint]:
    """Where Stripe sends our account's events. Raises StripeUnavailable.

    https://docs.stripe.com/api/webhook_endpoints/list
    """
    refuse_in_transaction()
    try:
        listed = client().v1.webhook_endpoints.list({"limit": 100})
    except stripe.StripeError as error:
        raise StripeUnavailable(f"Stripe's endpoints could not be listed: {error}") from error
    return [
        Endpoint(
            one.url, one.api_version or "", one.status == "enabled", frozenset(one.enabled_events)
        )
        for one in listed.data
    ]
