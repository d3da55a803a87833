"""What a capture takes, what it costs, and how it may be refused."""

import pytest
import stripe

from tests.stripe_sandbox.money import HOUR, charge_of, event_types
from tests.stripe_sandbox.running import ONE_HOLD, RunningSandbox


def test_a_whole_hold_is_taken_less_stripes_fee(client: stripe.StripeClient) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    assert charge_of(client, held).balance_transaction is None
    taken = client.v1.payment_intents.capture(held.id, {"metadata": {"operation_id": "op9"}})
    assert (taken.status, taken.amount_received, taken.metadata["operation_id"]) == (
        "succeeded",
        1600,
        "op9",
    )
    charge = charge_of(client, taken)
    assert (charge.captured, charge.amount_captured, charge.refunded) == (True, 1600, False)
    entry = charge.balance_transaction
    assert isinstance(entry, stripe.BalanceTransaction)
    assert (entry.amount, entry.fee, entry.net) == (1600, 46 + 30, 1524)
    assert (entry.type, entry.source) == ("charge", charge.id)
    assert sum(detail.amount for detail in entry.fee_details) == entry.fee
    assert event_types(client, 2) == ["payment_intent.succeeded", "charge.captured"]


def test_a_partial_capture_gives_the_rest_back_and_the_fee_on_it(
    client: stripe.StripeClient,
) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    taken = client.v1.payment_intents.capture(held.id, {"amount_to_capture": 1000})
    charge = charge_of(client, taken)
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (1000, 600, False)
    (rest,) = client.v1.refunds.list(
        {"payment_intent": held.id, "expand": ["data.balance_transaction"]}
    ).data
    entries = [charge.balance_transaction, rest.balance_transaction]
    assert [(e.amount, e.fee, e.reporting_category) for e in entries] == [  # type: ignore[union-attr]
        (1600, 76, "charge"),
        (-600, -17, "partial_capture_reversal"),
    ]
    assert sum(e.net for e in entries) == 1000 - (29 + 30)  # type: ignore[union-attr]


def test_the_fee_is_a_setting(sandbox: RunningSandbox, client: stripe.StripeClient) -> None:
    sandbox.settings(fee_basis_points=150, fee_fixed=25)
    held = client.v1.payment_intents.create({**ONE_HOLD, "amount": 1700})
    entry = charge_of(client, client.v1.payment_intents.capture(held.id)).balance_transaction
    assert isinstance(entry, stripe.BalanceTransaction)
    assert entry.fee == 26 + 25  # 25.5 is rounded up


@pytest.mark.parametrize("amount", [None, 1000], ids=["whole", "partial"])
def test_a_hold_is_captured_once(client: stripe.StripeClient, amount: int | None) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    client.v1.payment_intents.capture(held.id, {"amount_to_capture": amount} if amount else {})
    with pytest.raises(stripe.InvalidRequestError, match="already been captured") as refused:
        client.v1.payment_intents.capture(held.id)
    assert refused.value.code == "payment_intent_unexpected_state"
    assert refused.value.http_status == 400


def test_no_more_than_the_hold_is_captured(client: stripe.StripeClient) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.capture(held.id, {"amount_to_capture": 1601})
    assert (refused.value.code, refused.value.param) == ("amount_too_large", "amount_to_capture")


def test_a_bank_may_decline_what_it_held(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    held = client.v1.payment_intents.create({**ONE_HOLD, "metadata": {"order_id": "unlucky"}})
    sandbox.fault("decline_capture", match={"metadata": {"order_id": "unlucky"}})
    client.v1.payment_intents.retrieve(held.id)  # is no capture, so it spends no fault
    key: stripe.RequestOptions = {"idempotency_key": "declined capture"}
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            client.v1.payment_intents.capture(held.id, None, key)
        assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
    standing = client.v1.payment_intents.retrieve(held.id)
    assert (standing.status, standing.amount_capturable) == ("requires_capture", 1600)
    assert charge_of(client, standing).balance_transaction is None
    assert client.v1.payment_intents.capture(held.id).status == "succeeded"


def lapse(sandbox: RunningSandbox, held: stripe.PaymentIntent) -> None:
    sandbox.control("POST", f"lapse/{held.id}", {})


def let_the_days_pass(sandbox: RunningSandbox, held: stripe.PaymentIntent) -> None:
    sandbox.settings(clock_offset_seconds=5 * 24 * HOUR)


@pytest.mark.parametrize("end", [lapse, let_the_days_pass])
def test_a_hold_that_nobody_captures_lapses(
    sandbox: RunningSandbox, client: stripe.StripeClient, end: "type[None]"
) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    end(sandbox, held)  # type: ignore[call-arg]
    lapsed = client.v1.payment_intents.retrieve(held.id)
    assert (lapsed.status, lapsed.cancellation_reason) == ("canceled", "automatic")
    assert lapsed.amount_capturable == 0
    events = client.v1.events.list({"types": ["charge.expired", "payment_intent.canceled"]}).data
    assert {event.type for event in events if held.id in str(event)} == {
        "charge.expired",
        "payment_intent.canceled",
    }
    assert events[0].request is not None
    assert events[0].request.id is None
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.capture(held.id)
    assert refused.value.code == "payment_intent_unexpected_state"


def test_a_captured_hold_does_not_lapse(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    client.v1.payment_intents.capture(held.id)
    sandbox.settings(clock_offset_seconds=5 * 24 * HOUR)
    assert client.v1.payment_intents.retrieve(held.id).status == "succeeded"
    lapse(sandbox, held)
    assert client.v1.payment_intents.retrieve(held.id).status == "succeeded"
