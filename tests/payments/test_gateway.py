"""What each answer of Stripe's, and each lack of one, means."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests
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
