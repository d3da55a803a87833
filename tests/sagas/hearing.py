"""Stripe's events about one order, told as its webhooks would tell them, and followed."""

from typing import Any

from payments.gateway import client
from payments.stripe_events import EventState, Notice, Source, StripeEvent, store
from payments.webhooks import hint
from tests.conftest import eventually
from tests.payments.webhooks import events_of
from tests.sagas.lunch import Lunch
from users.models import User


def hear(order: Lunch) -> list[StripeEvent]:
    """Whatever the sandbox has told of the order's objects; as it ended, once it has."""
    return tell(events_of(str(order.id), order.payment.payment_intent, order.payment.charge))


def hear_of(payee: User) -> list[StripeEvent]:
    """The same of a payee's account."""
    name = payee.payout_account.stripe_account_id
    listed = client().v1.events.list({"limit": 100}, {"stripe_account": name})
    return tell([event.to_dict() | {"account": name} for event in listed.data])


def tell(events: list[dict[str, Any]]) -> list[StripeEvent]:
    store([(Notice.of(event), "") for event in events], Source.WEBHOOK)
    hint()
    rows = StripeEvent.objects.filter(pk__in=[event["id"] for event in events])
    eventually(lambda: not rows.filter(state=EventState.RECEIVED).exists())
    return list(rows)
