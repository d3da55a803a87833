"""What never reached us is fetched from Stripe's list, and people can see and follow it again."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import requests
from django.conf import settings as live
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from payments import backfill, gateway
from payments.breaker import StripeLine
from payments.errors import StripeUnavailable
from payments.models import PaymentStatus
from payments.stripe_events import EventState, Source, StripeEvent
from sagas import stripe_events as following
from tests.payments.webhooks import an_event
from tests.sagas.test_stripe_events import Asked, tell

pytestmark = [pytest.mark.story, pytest.mark.usefixtures("no_worker")]


@pytest.fixture(autouse=True)
def nothing_known(committed_db: None) -> Iterator[None]:
    StripeEvent.objects.all().delete()
    StripeLine.objects.all().delete()
    yield
    StripeEvent.objects.all().delete()
    StripeLine.objects.all().delete()
    Asked.record_all()


def told(asked: Asked) -> set[str]:
    return {event["id"] for event in asked.events()}


def kept() -> set[str]:
    return set(StripeEvent.objects.values_list("pk", flat=True))


@pytest.mark.fault(13)
def test_after_days_without_webhooks_the_state_is_the_same() -> None:
    asked = Asked()
    StripeLine.objects.create(events_seen_until=Now() - timedelta(days=4))
    assert backfill.backfill() > 0
    assert kept() & told(asked)
    assert set(StripeEvent.objects.values_list("source", flat=True)) == {Source.BACKFILL}
    while following.follow_due():
        pass
    assert asked.payment.status == PaymentStatus.AUTHORIZED
    assert asked.held() == ["requires_capture"]
    # Fetched again, nothing of it is new.
    before = kept()
    backfill.backfill()
    assert not (kept() - before) & told(asked)


@pytest.mark.fault(38)
def test_while_webhooks_arrive_only_what_could_not_be_delivered_is_fetched() -> None:
    asked = Asked()
    StripeLine.objects.create(events_seen_until=Now())
    tell(an_event("customer.created", id="cus_1", object="customer"))
    before = kept()
    assert backfill.backfill() == len(kept() - before)
    # The sandbox has no endpoint that lacks it, so it is not among them.
    assert not kept() & told(asked)


def test_after_ten_minutes_of_silence_everything_since_the_last_look_is_fetched() -> None:
    asked = Asked()
    StripeLine.objects.create(events_seen_until=Now())
    tell(an_event("customer.created", id="cus_1", object="customer"))
    StripeEvent.objects.update(received_at=Now() - timedelta(minutes=11))
    backfill.backfill()
    assert kept() & told(asked)


def test_when_stripe_does_not_answer_the_next_look_starts_where_this_did() -> None:
    StripeLine.objects.create(events_seen_until=Now() - timedelta(days=1))
    before = StripeLine.objects.get().events_seen_until
    faults = f"{live.STRIPE_API_BASE}/_sandbox/faults"
    body = {"kind": "drop_request", "times": 1, "match": {"path": "/v1/events"}}
    requests.post(faults, json=body, timeout=10).raise_for_status()
    with pytest.raises(StripeUnavailable):
        backfill.backfill()
    assert StripeLine.objects.get().events_seen_until == before


def webhooks(*arguments: str) -> str:
    out = StringIO()
    call_command("webhooks", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_people_list_what_needs_them_and_have_it_followed_once_more() -> None:
    asked = Asked()
    tell(*asked.events())
    event = asked.events()[-1]["id"]
    StripeEvent.objects.filter(pk=event).update(state=EventState.DEAD, note="out of order")
    listed = webhooks("list")
    assert event in listed
    assert "out of order" in listed
    assert len(listed.splitlines()) == 1
    assert webhooks("retry").startswith("1 events")
    assert following.follow_due() == 1
    assert event in webhooks("list", "--state", "done")
    with pytest.raises(CommandError, match="not known"):
        webhooks("retry", "evt_nobody")


def test_a_site_is_registered_and_its_secrets_told_once() -> None:
    shown = webhooks("register", "http://127.0.0.1:9/")
    secrets = dict(line.split("=") for line in shown.splitlines())
    assert list(secrets) == ["STRIPE_WEBHOOK_SECRETS", "STRIPE_CONNECT_WEBHOOK_SECRETS"]
    assert all(secret.startswith("whsec_") for secret in secrets.values())
    endpoints = gateway.client().v1.webhook_endpoints
    url = "http://127.0.0.1:9/api/stripe/webhook"
    made = {one.url: one for one in endpoints.list().data if one.url.startswith(url)}
    for one in made.values():
        endpoints.delete(one.id)
    told = {address: set(one.enabled_events) for address, one in made.items()}
    assert told == {
        url: set(gateway.events.PLATFORM_TYPES),
        f"{url}/connect": set(gateway.events.CONNECT_TYPES),
    }
    assert {one.api_version for one in made.values()} == {gateway.events.stripe.api_version}


def test_an_address_that_stripe_refuses_is_told(settings: Any) -> None:
    with pytest.raises(CommandError, match="could not be registered"):
        webhooks("register", "nonsense")
