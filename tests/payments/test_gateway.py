"""What each answer of Stripe's, and each lack of one, means."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests
import stripe
from django.conf import settings
from django.db import transaction

from payments import gateway
from payments.gateway import Outcome

Fault = Callable[..., None]


@pytest.fixture
def customer() -> str:
    return gateway.client().v1.customers.create({"email": "a@campus.example"}).id


@pytest.fixture
def card(customer: str) -> Callable[[str], dict[str, Any]]:
    """The parameters of an authorization with one of Stripe's test cards."""

    def params(name: str = "pm_card_visa") -> dict[str, Any]:
        attached = gateway.client().v1.payment_methods.attach(name, {"customer": customer})
        order = str(uuid4())
        return {
            "amount": 1772,
            "currency": "usd",
            "customer": customer,
            "payment_method": attached.id,
            "allowed_payment_method_types": ["card"],
            "capture_method": "manual",
            "confirm": True,
            "metadata": {"order_id": order, "operation_id": str(uuid4())},
            "expand": ["latest_charge"],
        }

    return params


def fault(params: dict[str, Any], kind: str, **more: Any) -> None:
    match = {"metadata": {"order_id": params["metadata"]["order_id"]}}
    body = {"kind": kind, "match": match, "times": 1} | more
    url = f"{settings.STRIPE_API_BASE}/_sandbox/faults"
    requests.post(url, json=body, timeout=10).raise_for_status()


def key() -> str:
    return f"test:{uuid4()}"


def test_a_card_that_pays_is_held_until_stripe_says(card: Callable[..., Any]) -> None:
    reply = gateway.authorize(key(), card())
    assert reply.outcome is Outcome.SUCCEEDED
    assert reply.object_id.startswith("pi_")
    assert reply.request_id
    assert reply.capture_before is not None
    assert reply.capture_before > datetime.now(UTC) + timedelta(days=4)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("pm_card_visa_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ],
)
def test_a_declined_card_is_a_definitive_failure_with_stripes_words_for_the_customer(
    card: Callable[..., Any], name: str, code: str
) -> None:
    reply = gateway.authorize(key(), card(name))
    assert reply.outcome is Outcome.FAILED
    assert reply.code == code
    assert "Request" not in reply.message


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("drop_request", Outcome.UNKNOWN),
        ("drop_reply", Outcome.UNKNOWN),
        ("error_500", Outcome.UNKNOWN),
        ("stored_500_before", Outcome.UNKNOWN),
        ("stored_500_after", Outcome.UNKNOWN),
        ("conflict", Outcome.NOT_RUN),
        ("rate_limit", Outcome.NOT_RUN),
    ],
)
def test_what_says_nothing_about_the_call_is_never_a_failure(
    card: Callable[..., Any], kind: str, outcome: Outcome
) -> None:
    params = card()
    fault(params, kind)
    assert gateway.authorize(key(), params).outcome is outcome


def test_the_same_key_finds_the_same_intent(card: Callable[..., Any]) -> None:
    params, mine = card(), key()
    fault(params, "drop_reply")
    assert gateway.authorize(mine, params).outcome is Outcome.UNKNOWN
    first, second = gateway.authorize(mine, params), gateway.authorize(mine, params)
    assert first.object_id == second.object_id


def test_the_same_key_with_other_parameters_goes_to_a_person(card: Callable[..., Any]) -> None:
    params, mine = card(), key()
    gateway.authorize(mine, params)
    assert gateway.authorize(mine, params | {"amount": 1}).outcome is Outcome.OPERATOR


def test_a_customer_stripe_does_not_know_is_a_failure(card: Callable[..., Any]) -> None:
    reply = gateway.authorize(key(), card() | {"customer": "cus_nobody"})
    assert (reply.outcome, reply.code) == (Outcome.FAILED, "resource_missing")


def test_a_4xx_that_nobody_has_a_rule_for_goes_to_a_person(card: Callable[..., Any]) -> None:
    reply = gateway.authorize(key(), card() | {"confirm": "perhaps"})
    assert reply.outcome is Outcome.OPERATOR


def test_what_an_unanswered_call_made_is_found_by_reading(
    card: Callable[..., Any], customer: str
) -> None:
    params = card()
    fault(params, "stored_500_after")
    gateway.authorize(key(), params)
    operation = params["metadata"]["operation_id"]
    found = gateway.find_authorization(params, operation, datetime.now(UTC))
    assert found.outcome is Outcome.SUCCEEDED
    nothing = gateway.find_authorization(params, str(uuid4()), datetime.now(UTC))
    assert nothing.outcome is Outcome.UNKNOWN


def test_an_error_while_reading_says_nothing_about_what_was_to_be_read() -> None:
    reply = gateway.find_void({"payment_intent": "pi_nobody"}, str(uuid4()), datetime.now(UTC))
    assert reply.outcome is Outcome.UNKNOWN


def test_a_void_frees_the_hold_and_a_second_one_is_as_good(card: Callable[..., Any]) -> None:
    intent = gateway.authorize(key(), card()).object_id
    params = {"payment_intent": intent, "cancellation_reason": "abandoned"}
    assert gateway.void(key(), params).outcome is Outcome.SUCCEEDED
    assert gateway.void(key(), params).outcome is Outcome.SUCCEEDED


def test_nobody_calls_stripe_inside_a_transaction(
    card: Callable[..., Any], committed_db: None
) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a transaction"):
        gateway.authorize(key(), {})


def an_answer(
    status: int, code: str, retry: str | None, kind: str = "invalid_request_error"
) -> Any:
    """What the SDK's client for HTTP returns for an error of Stripe's."""
    body = {"error": {"type": kind, "code": code, "message": "No."}}
    headers = {"Request-Id": "req_1"} | ({"Stripe-Should-Retry": retry} if retry else {})
    return json.dumps(body).encode(), status, headers


@pytest.mark.parametrize(
    ("status", "code", "retry", "outcome", "read_only"),
    [
        (402, "card_declined", None, Outcome.FAILED, False),
        (402, "card_declined", "false", Outcome.FAILED, False),
        (400, "parameter_missing", None, Outcome.FAILED, False),
        (403, "account_invalid", None, Outcome.FAILED, False),
        (404, "resource_missing", None, Outcome.FAILED, False),
        (400, "never_seen_before", None, Outcome.OPERATOR, False),
        (403, "", None, Outcome.OPERATOR, False),
        (418, "teapot", None, Outcome.OPERATOR, False),
        (400, "never_seen_before", "true", Outcome.NOT_RUN, False),
        (401, "", None, Outcome.NOT_RUN, False),
        (409, "idempotency_key_in_use", None, Outcome.NOT_RUN, False),
        (429, "lock_timeout", "true", Outcome.NOT_RUN, False),
        (429, "rate_limit", None, Outcome.NOT_RUN, False),
        (500, "", None, Outcome.UNKNOWN, True),
        (500, "", "true", Outcome.UNKNOWN, False),
        (503, "", None, Outcome.UNKNOWN, False),
        (503, "", "false", Outcome.UNKNOWN, True),
    ],
)
def test_the_outcome_table(
    status: int, code: str, retry: str | None, outcome: Outcome, read_only: bool, monkeypatch: Any
) -> None:
    kind = "card_error" if status == 402 else "invalid_request_error"
    told = an_answer(status, code, retry, kind)
    monkeypatch.setattr(stripe.RequestsClient, "request", lambda *_, **__: told)
    reply = gateway.authorize(key(), {"amount": 1})
    assert (reply.outcome, reply.read_only) == (outcome, read_only)


def test_a_refusal_that_two_at_once_cannot_explain_is_told_to_people(
    monkeypatch: Any, caplog: Any
) -> None:
    for code, alarms in (("payment_intent_unexpected_state", 0), ("resource_missing", 1)):
        told = an_answer(400, code, None)
        monkeypatch.setattr(stripe.RequestsClient, "request", lambda *_, told=told, **__: told)
        caplog.clear()
        gateway.authorize(key(), {"amount": 1})
        assert [one.levelname for one in caplog.records] == ["ERROR"] * alarms


def test_no_card_number_that_stripe_mentions_is_kept() -> None:
    """Which test card fills the balance is what it says to whoever has none."""
    account, _ = gateway.register_payee("b@campus.example")
    empty = {"amount": 99_999_999, "currency": "usd", "destination": account}
    reply = gateway.transfer(key(), empty)
    assert (reply.outcome, reply.code) == (Outcome.FAILED, "balance_insufficient")
    assert "using the [card number] test card" in reply.message
