"""What a PaymentIntent may become, and what the bank's no looks like."""

import time
from typing import Any

import pytest
import stripe

from tests.stripe_sandbox.running import ONE_HOLD, RunningSandbox

DAY = 86_400


def newest_events(client: stripe.StripeClient, count: int) -> list[str]:
    """The types of the latest events, newest first."""
    return [event.type for event in client.v1.events.list({"limit": count}).data]


def test_a_hold_is_placed_and_given_back(client: stripe.StripeClient) -> None:
    held = client.v1.payment_intents.create({**ONE_HOLD, "metadata": {"order_id": "7"}})
    assert (held.status, held.amount_capturable, held.amount_received) == (
        "requires_capture",
        1600,
        0,
    )
    assert held.livemode is False

    released = client.v1.payment_intents.cancel(held.id, {"cancellation_reason": "abandoned"})
    assert (released.status, released.amount_capturable) == ("canceled", 0)
    assert released.cancellation_reason == "abandoned"
    assert released.metadata["order_id"] == "7"

    (charge,) = client.v1.charges.list({"payment_intent": held.id}).data
    assert (charge.captured, charge.refunded, charge.amount_refunded) == (False, True, 1600)


def test_what_happened_is_told_in_events(client: stripe.StripeClient) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD, {"idempotency_key": "told"})
    client.v1.payment_intents.cancel(held.id)
    events = client.v1.events.list({"limit": 5, "type": "payment_intent.created"}).data
    assert events[0].data.object["id"] == held.id
    assert events[0].request is not None
    assert events[0].request.idempotency_key == "told"
    assert newest_events(client, 5) == [
        "payment_intent.canceled",
        "charge.refunded",
        "payment_intent.amount_capturable_updated",
        "charge.succeeded",
        "payment_intent.created",
    ]


def test_a_captured_hold_is_final(client: stripe.StripeClient) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    taken = client.v1.payment_intents.capture(held.id, {"amount_to_capture": 1000})
    assert (taken.status, taken.amount_received, taken.amount_capturable) == ("succeeded", 1000, 0)
    charge = client.v1.charges.retrieve(str(taken.latest_charge))
    assert (charge.captured, charge.amount_captured, charge.amount_refunded) == (True, 1000, 600)

    for again in (client.v1.payment_intents.cancel, client.v1.payment_intents.capture):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            again(held.id)
        assert refused.value.code == "payment_intent_unexpected_state"
        assert refused.value.error.payment_intent.status == "succeeded"


@pytest.mark.parametrize("amount", [0, 1601])
def test_no_more_and_no_less_than_the_hold_can_be_captured(
    client: stripe.StripeClient, amount: int
) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.capture(held.id, {"amount_to_capture": amount})
    assert refused.value.param == "amount_to_capture"
    assert client.v1.payment_intents.retrieve(held.id).status == "requires_capture"


def test_a_cancelled_intent_takes_no_more_calls(client: stripe.StripeClient) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    client.v1.payment_intents.cancel(held.id)
    service = client.v1.payment_intents
    for call in (service.cancel, service.capture, service.confirm):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            call(held.id)
        assert refused.value.code == "payment_intent_unexpected_state"
        assert refused.value.error.payment_intent.status == "canceled"


def test_without_manual_capture_the_money_moves_at_once(client: stripe.StripeClient) -> None:
    paid = client.v1.payment_intents.create({**ONE_HOLD, "capture_method": "automatic"})
    assert (paid.status, paid.amount_received, paid.amount_capturable) == ("succeeded", 1600, 0)


@pytest.mark.parametrize(
    ("change", "seconds"),
    [
        ({}, 4 * DAY + 18 * 3600),
        ({"payment_method": "pm_card_mastercard"}, 7 * DAY),
        ({"off_session": False, "allowed_payment_method_types": ["card"]}, 7 * DAY),
    ],
    ids=["merchant-initiated Visa", "other brand", "customer present"],
)
def test_a_hold_says_how_long_it_lasts(
    client: stripe.StripeClient, change: dict[str, Any], seconds: int
) -> None:
    before = int(time.time())
    held = client.v1.payment_intents.create({**ONE_HOLD, **change, "expand": ["latest_charge"]})
    assert isinstance(held.latest_charge, stripe.Charge)
    details = held.latest_charge.payment_method_details
    assert details is not None
    assert details.card is not None
    assert details.card.capture_before is not None
    assert before <= details.card.capture_before - seconds <= time.time()


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000009987", "card_declined", "lost_card"),
        ("4000000000009979", "card_declined", "stolen_card"),
        ("4000000000000069", "expired_card", "expired_card"),
        ("4000000000000127", "incorrect_cvc", "incorrect_cvc"),
        ("4000000000000119", "processing_error", "processing_error"),
        ("4000000000000341", "card_declined", "generic_decline"),
    ],
)
def test_a_declined_card_says_why_and_leaves_its_trace(
    client: stripe.StripeClient, number: str, code: str, decline_code: str
) -> None:
    card = {"number": number, "exp_month": 12, "exp_year": 2050, "cvc": "123"}
    method = client.v1.payment_methods.create({"type": "card", "card": card})
    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_intents.create({**ONE_HOLD, "payment_method": method.id})
    error = declined.value.error
    assert declined.value.http_status == 402
    assert (error.type, error.code, error.decline_code) == ("card_error", code, decline_code)

    intent = client.v1.payment_intents.retrieve(error.payment_intent.id)
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.decline_code == decline_code
    charge = client.v1.charges.retrieve(error.charge)
    assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, code)
    assert charge.payment_intent == intent.id
    assert newest_events(client, 3) == [
        "payment_intent.payment_failed",
        "charge.failed",
        "payment_intent.created",
    ]


@pytest.mark.parametrize(
    ("well_known", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ],
)
def test_the_well_known_declining_cards_decline(
    client: stripe.StripeClient, well_known: str, decline_code: str
) -> None:
    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_intents.create({**ONE_HOLD, "payment_method": well_known})
    assert declined.value.error.decline_code == decline_code


def test_after_a_decline_another_card_may_pay(client: stripe.StripeClient) -> None:
    declining = {**ONE_HOLD, "payment_method": "pm_card_visa_chargeDeclined"}
    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_intents.create(declining)
    intent = declined.value.error.payment_intent.id
    again = {"payment_method": "pm_card_visa", "off_session": True}
    held = client.v1.payment_intents.confirm(intent, again)
    assert (held.status, held.last_payment_error) == ("requires_capture", None)
    assert len(client.v1.charges.list({"payment_intent": intent}).data) == 2


def test_an_intent_is_confirmed_in_a_call_of_its_own(client: stripe.StripeClient) -> None:
    waiting = client.v1.payment_intents.create(
        {"amount": 1600, "currency": "usd", "allowed_payment_method_types": ["card"]}
    )
    assert waiting.status == "requires_payment_method"
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        client.v1.payment_intents.confirm(waiting.id)
    paid = client.v1.payment_intents.confirm(waiting.id, {"payment_method": "pm_card_visa"})
    assert paid.status == "succeeded"
    chosen = client.v1.payment_intents.create(
        {"amount": 1600, "currency": "usd", "payment_method": "pm_card_visa"}
    )
    assert chosen.status == "requires_confirmation"


def test_methods_that_redirect_want_a_way_back(client: stripe.StripeClient) -> None:
    present = {**ONE_HOLD, "off_session": False}
    with pytest.raises(stripe.InvalidRequestError, match="return_url"):
        client.v1.payment_intents.create(present)
    never = {"enabled": True, "allow_redirects": "never"}
    for way in (
        {"automatic_payment_methods": never},
        {"allowed_payment_method_types": ["card"]},
        {"return_url": "https://campus.example"},
    ):
        assert client.v1.payment_intents.create({**present, **way}).status == "requires_capture"


def test_a_saved_card_pays_only_for_its_customer(
    client: stripe.StripeClient, customer: stripe.Customer
) -> None:
    saved = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    other = client.v1.customers.create()
    mine = {**ONE_HOLD, "payment_method": saved.id, "customer": customer.id}
    assert client.v1.payment_intents.create(mine).customer == customer.id
    for wrong in ({**mine, "customer": other.id}, {**ONE_HOLD, "payment_method": saved.id}):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.payment_intents.create(wrong)
        assert refused.value.param == "payment_method"


def test_a_card_is_saved_by_paying_with_it(
    client: stripe.StripeClient, customer: stripe.Customer
) -> None:
    client.v1.payment_intents.create(
        {**ONE_HOLD, "customer": customer.id, "setup_future_usage": "off_session"}
    )
    assert len(client.v1.customers.payment_methods.list(customer.id).data) == 1


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": 49}, "amount"),
        ({"amount": 100_000_000}, "amount"),
        ({"currency": "xyz"}, "currency"),
        ({"customer": "cus_nobody"}, "customer"),
        ({"payment_method": "pm_nothing"}, "payment_method"),
        ({"confirm": False}, "off_session"),
        ({"allowed_payment_method_types": ["ideal"]}, "allowed_payment_method_types"),
        ({"metadata": {"k" * 41: "v"}}, "metadata"),
        ({"metadata": {"k": "v" * 501}}, "metadata[k]"),
        ({"metadata": {str(n): "v" for n in range(51)}}, "metadata"),
    ],
)
def test_what_cannot_be_paid_is_refused_and_leaves_nothing(
    sandbox: RunningSandbox, client: stripe.StripeClient, change: dict[str, Any], param: str
) -> None:
    before = sandbox.control("GET", "totals")["objects"]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.create({**ONE_HOLD, **change})
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert sandbox.control("GET", "totals")["objects"] == before
