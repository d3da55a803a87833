"""What payments relies on at Stripe, asked of whatever STRIPE_API_BASE names: our sandbox in
`make test`, Stripe itself in `make test-stripe`. Only test keys; it makes objects and deletes none.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import requests
import stripe
from django.conf import settings
from django.test import override_settings

from payments import gateway
from payments.gateway import HOLD_STANDS, Outcome

pytestmark = pytest.mark.contract

BACK = "https://campus.example/paid"
ALWAYS_ASKED = "pm_card_authenticationRequired"


@pytest.fixture(scope="module", autouse=True)
def patient_client() -> Iterator[None]:
    """The real Stripe takes longer than the sandbox, and is never asked with a live key."""
    if not settings.STRIPE_SECRET_KEY.startswith(("sk_test_", "rk_test_")):
        pytest.exit("These tests make payments: they want a test key, sk_test_…", 2)
    gateway.client.cache_clear()
    with override_settings(STRIPE_TIMEOUT_SECONDS=(5.0, 30.0)):
        yield
    gateway.client.cache_clear()


@pytest.fixture
def control() -> Callable[..., None]:
    """The sandbox's own endpoints; a test that needs them is skipped elsewhere."""
    base = settings.STRIPE_API_BASE
    if "stripe.com" in base:
        pytest.skip("only the sandbox can be told to do this")

    def tell(path: str, **body: Any) -> None:
        method = "PUT" if path == "settings" else "POST"
        url = f"{base}/_sandbox/{path}"
        requests.request(method, url, json=body, timeout=10).raise_for_status()

    return tell


@pytest.fixture
def started() -> datetime:
    return datetime.now(UTC)


def key() -> str:
    return f"contract:{uuid4()}"


def ours() -> dict[str, str]:
    return {"order_id": str(uuid4()), "operation_id": str(uuid4())}


def order(card: str = "pm_card_visa", **more: Any) -> dict[str, Any]:
    """The parameters of an authorization, as payments makes them, of a new customer's card."""
    known = gateway.register_customer("contract@campus.example", card)
    return {
        "amount": 1772,
        "currency": "usd",
        "customer": known.customer_id,
        "payment_method": known.payment_method_id,
        "allowed_payment_method_types": ["card"],
        "capture_method": "manual",
        "confirm": True,
        "metadata": ours(),
        "expand": ["latest_charge"],
        **more,
    }


def held(**more: Any) -> str:
    reply = gateway.authorize(key(), order(**more))
    assert reply.outcome is Outcome.SUCCEEDED, reply
    return reply.object_id


def captured(**more: Any) -> tuple[str, str]:
    """A PaymentIntent that is paid, and its charge."""
    intent = held(**more)
    reply = gateway.capture(key(), {"payment_intent": intent, "amount": 1772})
    assert reply.outcome is Outcome.SUCCEEDED, reply
    return intent, reply.charge


def test_a_registered_card_says_what_it_is() -> None:
    known = gateway.register_customer("contract@campus.example", "pm_card_visa")
    assert known.customer_id.startswith("cus_")
    assert (known.brand, known.last4) == ("visa", "4242")


def test_a_hold_stands_until_stripe_says(started: datetime) -> None:
    params = order()
    reply = gateway.authorize(key(), params)
    assert reply.outcome is Outcome.SUCCEEDED
    assert reply.capture_before is not None
    assert 4 <= (reply.capture_before - started).days <= 8
    found = gateway.find_authorization(params, params["metadata"]["operation_id"], started)
    assert found.object_id == reply.object_id
    missing = gateway.find_authorization(params, "no-such-operation", started)
    assert (missing.outcome, missing.code) == (Outcome.UNKNOWN, gateway.ABSENT)


def test_the_same_key_answers_the_same_and_refuses_another_request() -> None:
    params, name = order(), key()
    first, second = gateway.authorize(name, params), gateway.authorize(name, params)
    assert first.object_id == second.object_id
    other = gateway.authorize(name, params | {"amount": 1773})
    assert other.outcome is Outcome.OPERATOR


@pytest.mark.parametrize(
    ("card", "code"), [("pm_card_chargeCustomerFail", "generic_decline")], ids=str
)
def test_a_card_that_declines_says_why(card: str, code: str) -> None:
    reply = gateway.authorize(key(), order(card))
    assert (reply.outcome, reply.code) == (Outcome.FAILED, code)


def test_a_whole_capture_costs_stripes_fee_and_is_found_again(started: datetime) -> None:
    wanted = {"payment_intent": held(), "amount": 1772}
    reply = gateway.capture(key(), wanted)
    assert reply.outcome is Outcome.SUCCEEDED
    assert reply.charge.startswith("ch_") or reply.charge.startswith("py_")
    assert 0 < reply.stripe_fee < 1772
    again = gateway.capture(key(), wanted)  # captured already, and as much
    assert (again.outcome, again.charge) == (Outcome.SUCCEEDED, reply.charge)
    assert gateway.find_capture(wanted, "", started).charge == reply.charge
    entries = gateway.client().v1.balance_transactions.list({"source": reply.charge}).data
    assert [entry.fee for entry in entries] == [reply.stripe_fee]


def test_a_part_is_captured_and_the_rest_released() -> None:
    whole = gateway.capture(key(), {"payment_intent": held(), "amount": 1772})
    part = gateway.capture(key(), {"payment_intent": held(), "amount": 500})
    assert part.outcome is Outcome.SUCCEEDED
    assert 0 < part.stripe_fee < whole.stripe_fee


def test_a_void_ends_a_hold_and_a_capture_then_finds_nothing(started: datetime) -> None:
    wanted = {"payment_intent": held(), "cancellation_reason": "requested_by_customer"}
    assert gateway.find_void(wanted, "", started).code == HOLD_STANDS
    assert gateway.void(key(), wanted).outcome is Outcome.SUCCEEDED
    assert gateway.void(key(), wanted).outcome is Outcome.SUCCEEDED
    late = gateway.capture(key(), wanted | {"amount": 1772})
    assert (late.outcome, late.code) == (Outcome.FAILED, "hold_gone")


def test_a_refund_comes_in_parts_and_never_exceeds_the_charge(started: datetime) -> None:
    intent, _ = captured()
    wanted = {"payment_intent": intent, "amount": 1000, "metadata": ours()}
    reply = gateway.refund(key(), wanted)
    assert reply.outcome is Outcome.SUCCEEDED
    found = gateway.find_refund(wanted, wanted["metadata"]["operation_id"], started)
    assert found.object_id == reply.object_id
    assert gateway.refund(key(), wanted).outcome is not Outcome.SUCCEEDED
    rest = gateway.refund(key(), wanted | {"amount": 772})
    assert rest.outcome is Outcome.SUCCEEDED
    over = gateway.refund(key(), {"payment_intent": intent, "metadata": ours()})
    assert (over.outcome, over.code) == (Outcome.FAILED, "charge_already_refunded")


def test_a_payee_is_paid_out_of_the_charge_and_gives_it_back(started: datetime) -> None:
    account, status = gateway.register_payee("payee@campus.example")
    if status != "active":
        pytest.skip("a new account must onboard first")
    group = str(uuid4())
    _, charge = captured(transfer_group=group)
    wanted = {
        "amount": 400,
        "currency": "usd",
        "destination": account,
        "source_transaction": charge,
        "transfer_group": group,
        "metadata": ours(),
    }
    paid = gateway.transfer(key(), wanted)
    assert paid.outcome is Outcome.SUCCEEDED
    found = gateway.find_transfer(wanted, wanted["metadata"]["operation_id"], started)
    assert found.object_id == paid.object_id
    back = {"transfer": paid.object_id, "amount": 400, "metadata": ours()}
    reversal = gateway.reverse(key(), back)
    assert reversal.outcome is Outcome.SUCCEEDED
    found = gateway.find_reversal(back, back["metadata"]["operation_id"], started)
    assert found.object_id == reversal.object_id


def test_a_payee_that_has_not_onboarded_is_not_paid(control: Callable[..., None]) -> None:
    control("settings", accounts_active_at_once=False)
    account, status = gateway.register_payee("payee@campus.example")
    control("settings", accounts_active_at_once=True)
    assert status == "inactive"
    _, charge = captured()
    wanted = {
        "amount": 400,
        "currency": "usd",
        "destination": account,
        "source_transaction": charge,
    }
    refused = gateway.transfer(key(), wanted)
    assert (refused.outcome, refused.code) == (
        Outcome.FAILED,
        "insufficient_capabilities_for_transfer",
    )


class TestAuthentication:
    def test_a_payment_waits_for_its_customer_and_can_be_canceled(self) -> None:
        intent = gateway.client().v1.payment_intents.create(order(ALWAYS_ASKED, return_url=BACK))
        assert intent.status == "requires_action"
        assert intent.next_action is not None
        assert intent.next_action.type == "redirect_to_url"
        assert intent.client_secret is not None
        assert intent.client_secret.startswith(f"{intent.id}_secret_")
        assert gateway.client().v1.payment_intents.cancel(intent.id).status == "canceled"

    def test_without_its_customer_it_is_declined(self) -> None:
        reply = gateway.authorize(key(), order(ALWAYS_ASKED, off_session=True))
        assert (reply.outcome, reply.code) == (Outcome.FAILED, "authentication_required")

    def test_a_card_is_saved_for_later(self) -> None:
        known = gateway.register_customer("contract@campus.example", "pm_card_visa")
        wanted: Any = {
            "customer": known.customer_id,
            "payment_method": "pm_card_mastercard",
            "usage": "off_session",
            "allowed_payment_method_types": ["card"],
            "confirm": True,
        }
        saved = gateway.client().v1.setup_intents.create(wanted)
        assert saved.status == "succeeded"
        methods = gateway.client().v1.customers.payment_methods.list(known.customer_id).data
        assert saved.payment_method in [method.id for method in methods]
        gateway.client().v1.payment_methods.detach(str(saved.payment_method))
        with pytest.raises(stripe.InvalidRequestError):
            gateway.client().v1.payment_methods.attach(
                str(saved.payment_method), {"customer": known.customer_id}
            )


def test_what_happened_is_listed_as_events_with_our_metadata() -> None:
    params = order()
    intent = gateway.authorize(key(), params).object_id
    wanted = ["payment_intent.created", "payment_intent.amount_capturable_updated"]
    events = gateway.client().v1.events.list({"types": wanted, "limit": 20}).data
    mine = [event for event in events if event.data.object["id"] == intent]
    assert sorted(event.type for event in mine) == sorted(wanted)
    for event in mine:
        assert event.data.object["metadata"]["order_id"] == params["metadata"]["order_id"]
        assert (event.livemode, event.object) == (False, "event")


def test_a_webhook_endpoint_gives_its_secret_once() -> None:
    endpoints = gateway.client().v1.webhook_endpoints
    made = endpoints.create(
        {
            "url": "https://campus.example/api/stripe/webhook",
            "enabled_events": ["payment_intent.succeeded", "charge.refunded"],
            "api_version": stripe.api_version,
        }
    )
    try:
        assert made.secret is not None
        assert made.secret.startswith("whsec_")
        found = endpoints.retrieve(made.id)
        assert "secret" not in found
        assert found.api_version == stripe.api_version
    finally:
        assert endpoints.delete(made.id).deleted
