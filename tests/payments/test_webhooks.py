"""What is taken as Stripe's word that there is something to look at, and what is not."""

import time
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payments import operations, webhooks
from payments.stripe_events import EventState, StripeEvent
from tests.api.conftest import Client, problem
from tests.payments.webhooks import (
    CONNECT_SECRET,
    OLD_SECRET,
    SECRET,
    an_event,
    body_of,
    signed,
)
from tests.threads import at_once

pytestmark = pytest.mark.django_db
URL = "/api/stripe/webhook"


@pytest.fixture(autouse=True)
def secrets(settings: Any, monkeypatch: Any) -> Any:
    settings.STRIPE_WEBHOOK_SECRETS = [SECRET, OLD_SECRET]
    settings.STRIPE_CONNECT_WEBHOOK_SECRETS = [CONNECT_SECRET]
    monkeypatch.setattr(webhooks, "hint", lambda: None)
    return settings


def post(body: bytes, signature: str | None = None, url: str = URL) -> Any:
    return Client().generic(
        "POST",
        url,
        body,
        content_type="application/json",
        headers={"Stripe-Signature": signed(body) if signature is None else signature},
    )


def the(event: dict[str, Any]) -> StripeEvent:
    return StripeEvent.objects.get(pk=event["id"])


def test_an_event_is_kept_once_and_answered() -> None:
    event = an_event(metadata={"env": "test", "order_id": "no uuid"}, client_secret="pi_1_secret_2")
    for _ in range(3):
        assert post(body_of(event)).status_code == 200
    row = the(event)
    assert (row.state, row.type) == (EventState.RECEIVED, "payment_intent.succeeded")
    assert row.payment_intent == event["data"]["object"]["id"]
    assert "secret" not in str(StripeEvent.objects.filter(pk=row.pk).values())


def test_keeping_it_is_one_insert() -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        post(body_of(an_event()))
    written = [one["sql"] for one in asked if "INSERT" in one["sql"]]
    assert len(written) == 1
    assert "ON CONFLICT (id) DO NOTHING" in written[0]
    assert len(asked) == 2  # and the database's clock


@pytest.mark.fault(14)
def test_during_a_roll_two_secrets_are_good_and_no_third() -> None:
    for secret, status in ((SECRET, 200), (OLD_SECRET, 200), ("whsec_other", 400)):
        body = body_of(an_event())
        assert post(body, signed(body, secret)).status_code == status
    body = body_of(an_event())
    both = f"{signed(body, 'whsec_gone')},{signed(body).split(',')[1]}"
    assert post(body, both).status_code == 200


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    "signature",
    [
        "",
        "nonsense",
        "t=,v1=",
        "t=1,v1=é",
        "v1=00",
        f"t={'9' * 40},v1=00",
        "t={now}",
        "t={now},v0=00",
    ],
)
def test_what_is_not_signed_is_refused_and_leaves_no_row(signature: str) -> None:
    event = an_event()
    header = signature.format(now=int(time.time()))
    problem(post(body_of(event), header), 400, "not_signed_by_stripe")
    assert not StripeEvent.objects.filter(pk=event["id"]).exists()


@pytest.mark.fault(14)
def test_a_changed_body_is_refused() -> None:
    event = an_event()
    body = body_of(event)
    changed = post(body.replace(b"succeeded", b"canceled!"), signed(body))
    problem(changed, 400, "not_signed_by_stripe")
    assert not StripeEvent.objects.filter(pk=event["id"]).exists()


@pytest.mark.fault(14)
@pytest.mark.parametrize(("seconds", "status"), [(-310, 400), (-290, 200), (290, 200), (310, 400)])
def test_neither_the_old_nor_the_future_is_believed(seconds: int, status: int) -> None:
    body = body_of(an_event())
    assert post(body, signed(body, at=time.time() + seconds)).status_code == status


@pytest.mark.fault(36)
def test_the_databases_clock_decides_and_a_skew_is_told(monkeypatch: Any, caplog: Any) -> None:
    """The application server's clock is ten minutes off, so what it would say is 400."""
    body = body_of(an_event())
    signature = signed(body)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert post(body, signature).status_code == 200
    assert not caplog.records
    late = body_of(an_event())
    past = operations.now().timestamp() - 61
    assert post(late, signed(late, at=past)).status_code == 200
    assert "61 s apart" in caplog.text or "62 s apart" in caplog.text


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"livemode": True}, "live"),
        ({"account": "acct_1"}, "other endpoint"),
        ({"metadata": {"env": "production"}}, "environment production"),
    ],
)
def test_what_is_not_ours_is_quarantined(change: dict[str, Any], why: str) -> None:
    event = an_event(metadata=change.pop("metadata", {})) | change
    assert post(body_of(event)).status_code == 200
    assert the(event).state == EventState.QUARANTINED
    assert why in the(event).note


def test_the_endpoint_for_accounts_has_a_secret_of_its_own() -> None:
    event = an_event("account.updated", id="acct_1", object="account") | {"account": "acct_1"}
    body, url = body_of(event), f"{URL}/connect"
    assert post(body, url=url).status_code == 400
    assert post(body, signed(body, CONNECT_SECRET), url=url).status_code == 200
    assert the(event).account == "acct_1"


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b"\xff", b'{"object": "event"}', b'{"object": "v2.core.event"}',
     b"[" * 10_000],
)  # fmt: skip
def test_what_is_signed_but_no_event_is_refused(body: bytes) -> None:
    problem(post(body), 400, "not_an_event")


def test_a_body_may_be_larger_than_elsewhere_but_not_by_much() -> None:
    assert post(body_of(an_event(description="x" * 200_000))).status_code == 200
    problem(post(body_of(an_event(description="x" * 300_000))), 413, "too_large")


def test_only_posting_is_allowed_and_needs_no_csrf_token() -> None:
    problem(Client().get(URL), 405, "method_not_allowed")
    strict = Client()
    strict.handler.enforce_csrf_checks = True
    body = body_of(an_event())
    answer = strict.generic(
        "POST", URL, body, content_type="application/json",
        headers={"Stripe-Signature": signed(body)},
    )  # fmt: skip
    assert answer.status_code == 200


def test_one_rate_for_all_of_stripe(secrets: Any) -> None:
    secrets.THROTTLE_RATES = secrets.THROTTLE_RATES | {"webhook": "3/h"}
    codes = [post(body_of(an_event())).status_code for _ in range(6)]
    assert codes[:3] == [200] * 3
    assert 429 in codes, "a count that Valkey is too slow for is not waited for"


@pytest.mark.fault(9)
@pytest.mark.race
def test_ten_copies_at_once_leave_one_row(committed_db: None) -> None:
    event = an_event()
    body = body_of(event)
    signature = signed(body)
    receive = lambda: webhooks.receive(body, signature, webhooks.Endpoint.PLATFORM)  # noqa: E731
    assert sorted(at_once([receive] * 10)) == [False] * 9 + [True]
    assert StripeEvent.objects.filter(pk=event["id"]).count() == 1
