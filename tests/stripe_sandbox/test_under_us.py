"""What others do to our payments while we look away, and refusals of any code on demand."""

import pytest
import stripe

from tests.stripe_sandbox.money import event_types, pay, payee, sell
from tests.stripe_sandbox.running import ONE_HOLD, RunningSandbox, eventually


def test_somebody_cancels_a_hold_under_us(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    sandbox.control("POST", f"payment_intents/{held.id}", {"do": "cancel"})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.capture(held.id)
    assert refused.value.code == "payment_intent_unexpected_state"
    assert refused.value.error.payment_intent.status == "canceled"
    assert event_types(client, 2) == ["payment_intent.canceled", "charge.refunded"]
    assert sandbox.raw("POST", f"/_sandbox/payment_intents/{held.id}", {"do": "sing"})[0] == 400


def test_somebody_captures_a_hold_under_us(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    sandbox.control("POST", f"payment_intents/{held.id}", {"do": "capture", "amount": 700})
    with pytest.raises(stripe.InvalidRequestError, match="already been captured"):
        client.v1.payment_intents.capture(held.id)
    assert client.v1.payment_intents.retrieve(held.id).amount_received == 700
    assert client.v1.events.list({"limit": 1}).data[0].request.id is None


@pytest.mark.parametrize(
    "code", ["charge_expired_for_capture", "capture_charge_authorization_expired"]
)
def test_a_hold_may_turn_out_to_have_lapsed_when_it_is_captured(
    sandbox: RunningSandbox, client: stripe.StripeClient, code: str
) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    sandbox.fault("lapse_at_capture", code=code)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.capture(held.id)
    assert (refused.value.http_status, refused.value.code) == (400, code)
    assert client.v1.payment_intents.retrieve(held.id).status == "canceled"
    assert event_types(client, 2) == ["payment_intent.canceled", "charge.expired"]


def test_a_hold_lapses_by_itself_and_says_so_although_nobody_asks(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    sandbox.settings(clock_offset_seconds=5 * 86_400)
    statuses = lambda: [  # noqa: E731
        hold["status"]
        for hold in sandbox.control("GET", "holds")["data"]
        if hold["payment_intent"] == held.id
    ]
    eventually(lambda: statuses() == ["canceled"])


@pytest.mark.parametrize(
    "code",
    ["transfers_not_allowed", "account_closed", "no_account", "a_code_that_nobody_knows"],
)
def test_any_refusal_can_be_had_and_is_stored_under_its_key(
    sandbox: RunningSandbox, client: stripe.StripeClient, code: str
) -> None:
    account, sale = payee(client), sell(client)
    sandbox.fault("refuse", code=code, match={"path": "/v1/transfers"}, should_retry=False)
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.transfers.create(
                {
                    "amount": 100,
                    "currency": "usd",
                    "destination": account.id,
                    "source_transaction": str(sale.latest_charge),
                },
                {"idempotency_key": f"leg-{code}"},
            )
        assert (refused.value.http_status, refused.value.code) == (400, code)
    assert client.v1.transfers.list({"destination": account.id}).data == []
    assert pay(client, account, 100, sale).amount == 100


def test_a_refused_request_says_whether_to_retry(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    for kind, wanted in (("refuse", False), ("conflict", True), ("rate_limit", True)):
        sandbox.fault(kind, should_retry=wanted)
        with pytest.raises(stripe.StripeError) as refused:
            client.v1.customers.create({})
        headers = refused.value.headers or {}
        assert headers["Stripe-Should-Retry"] == str(wanted).lower()


def test_a_restricted_account_says_what_it_lacks_and_until_when(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    account = payee(client)
    lacks = {
        "transfers": "pending",
        "currently_due": ["individual.id_number"],
        "past_due": ["individual.id_number"],
        "current_deadline": 1_900_000_000,
        "disabled_reason": "requirements.past_due",
    }
    sandbox.control("POST", f"accounts/{account.id}", lacks)
    seen = client.v1.accounts.retrieve(account.id).requirements
    assert seen is not None
    assert (seen.current_deadline, seen.past_due) == (1_900_000_000, ["individual.id_number"])
    with pytest.raises(stripe.InvalidRequestError) as refused:
        pay(client, account, 100, sell(client))
    assert refused.value.code == "insufficient_capabilities_for_transfer"
