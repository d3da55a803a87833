"""Giving money back, and what may become of it."""

from typing import Any

import pytest
import stripe

from tests.stripe_sandbox.money import HOUR, charge_of, event_types, holdings, pay, payee, sell
from tests.stripe_sandbox.running import ONE_HOLD, RunningSandbox


def test_a_sale_is_refunded_whole_and_stripe_keeps_its_fee(client: stripe.StripeClient) -> None:
    sale = sell(client)
    before = sum(holdings(client))
    refund = client.v1.refunds.create(
        {
            "payment_intent": sale.id,
            "reason": "requested_by_customer",
            "metadata": {"operation_id": "op1"},
            "expand": ["balance_transaction"],
        }
    )
    assert (refund.status, refund.amount, refund.charge) == ("succeeded", 1600, sale.latest_charge)
    assert refund.metadata is not None
    assert refund.metadata["operation_id"] == "op1"
    entry = refund.balance_transaction
    assert isinstance(entry, stripe.BalanceTransaction)
    assert (entry.amount, entry.fee, entry.net, entry.type) == (-1600, 0, -1600, "refund")
    assert sum(holdings(client)) == before - 1600
    charge = charge_of(client, sale)
    assert (charge.refunded, charge.amount_refunded) == (True, 1600)
    assert event_types(client, 2) == ["charge.refunded", "refund.created"]


def test_a_sale_is_refunded_in_parts_and_never_above_what_was_captured(
    client: stripe.StripeClient,
) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    client.v1.payment_intents.capture(held.id, {"amount_to_capture": 1000})
    of_it = {"payment_intent": held.id}
    made = [client.v1.refunds.create({**of_it, "amount": part}).id for part in (300, 200)]
    too_much = r"\(\$6.00\) is greater than unrefunded amount on charge \(\$5.00\)"
    with pytest.raises(stripe.InvalidRequestError, match=too_much) as refused:
        client.v1.refunds.create({**of_it, "amount": 600})
    assert (refused.value.http_status, refused.value.param) == (400, "amount")
    made.append(client.v1.refunds.create(of_it).id)  # what is left
    charge = charge_of(client, held)
    assert (charge.refunded, charge.amount_captured, charge.amount_refunded) == (True, 1000, 1600)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create(of_it)
    assert refused.value.code == "charge_already_refunded"
    listed = client.v1.refunds.list(of_it).data
    assert [refund.id for refund in listed][:3] == made[::-1]
    assert [refund.amount for refund in listed] == [500, 200, 300, 600]  # with the uncaptured rest
    assert client.v1.refunds.retrieve(made[0]).amount == 300


@pytest.mark.parametrize("state", ["waiting", "held", "canceled", "declined"])
def test_what_was_not_captured_is_not_refunded(client: stripe.StripeClient, state: str) -> None:
    if state == "declined":
        with pytest.raises(stripe.CardError) as declined:
            sell(client, card="pm_card_visa_chargeDeclined")
        intent = declined.value.error.payment_intent
    elif state == "waiting":
        intent = client.v1.payment_intents.create({"amount": 1600, "currency": "usd"})
    else:
        intent = client.v1.payment_intents.create(ONE_HOLD)
    if state == "canceled":
        client.v1.payment_intents.cancel(intent.id)
    with pytest.raises(stripe.InvalidRequestError, match="successful charge") as refused:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert refused.value.http_status == 400


@pytest.mark.parametrize(
    ("wrong", "code", "param"),
    [
        ({}, None, None),
        ({"charge": "ch_1", "payment_intent": "pi_1"}, None, None),
        ({"payment_intent": "pi_1"}, "resource_missing", "payment_intent"),
        ({"charge": "ch_1"}, "resource_missing", "charge"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"reason": "regret"}, None, "reason"),
        ({"reverse_transfer": True}, None, "reverse_transfer"),
    ],
    ids=str,
)
def test_what_is_no_refund_is_refused(
    client: stripe.StripeClient, wrong: dict[str, Any], code: str | None, param: str | None
) -> None:
    named = {} if not wrong or wrong.keys() & {"charge", "payment_intent"} else {"x": 1}
    given = {**wrong, "payment_intent": sell(client).id} if named else wrong
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create(given)
    assert (refused.value.code, refused.value.param) == (code, param)


def an_hour_later(sandbox: RunningSandbox, refund: stripe.Refund, status: str) -> None:
    sandbox.settings(clock_offset_seconds=HOUR + 1)


def on_demand(sandbox: RunningSandbox, refund: stripe.Refund, status: str) -> None:
    sandbox.control("POST", f"refunds/{refund.id}", {"status": status})


@pytest.mark.parametrize("happens", [an_hour_later, on_demand])
def test_a_refund_may_fail_after_it_succeeded_and_the_money_comes_back(
    sandbox: RunningSandbox, client: stripe.StripeClient, happens: Any
) -> None:
    sale = sell(client, card="pm_card_refundFail")
    before = sum(holdings(client))
    refund = client.v1.refunds.create({"payment_intent": sale.id})
    assert (refund.status, sum(holdings(client))) == ("succeeded", before - 1600)

    happens(sandbox, refund, "failed")
    failed = client.v1.refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction"]})
    assert failed.status == "failed"
    assert failed.failure_reason in ("expired_or_canceled_card", "unknown")
    back = failed.failure_balance_transaction
    assert isinstance(back, stripe.BalanceTransaction)
    assert (back.net, back.type) == (1600, "refund_failure")
    assert sum(holdings(client)) == before
    assert charge_of(client, sale).refunded is False
    assert event_types(client, 2) == ["refund.failed", "refund.updated"]
    sandbox.settings(clock_offset_seconds=3 * HOUR)
    assert sum(holdings(client)) == before  # and it fails only once
    again = client.v1.refunds.create({"payment_intent": sale.id, "amount": 100})
    assert again.status == "succeeded"


@pytest.mark.parametrize("happens", [an_hour_later, on_demand])
def test_a_refund_may_be_pending_before_it_succeeds(
    sandbox: RunningSandbox, client: stripe.StripeClient, happens: Any
) -> None:
    sale = sell(client, card="pm_card_pendingRefund")
    refund = client.v1.refunds.create({"payment_intent": sale.id})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    happens(sandbox, refund, "succeeded")
    done = client.v1.refunds.retrieve(refund.id)
    assert (done.status, getattr(done, "pending_reason", None)) == ("succeeded", None)
    assert event_types(client, 1) == ["refund.updated"]


def test_a_pending_refund_may_fail(sandbox: RunningSandbox, client: stripe.StripeClient) -> None:
    sale = sell(client, card="pm_card_pendingRefund")
    refund = client.v1.refunds.create({"payment_intent": sale.id})
    failed = {"status": "failed", "failure_reason": "lost_or_stolen_card"}
    sandbox.control("POST", f"refunds/{refund.id}", failed)
    sandbox.settings(clock_offset_seconds=HOUR + 1)
    seen = client.v1.refunds.retrieve(refund.id)
    assert (seen.status, seen.failure_reason) == ("failed", "lost_or_stolen_card")


@pytest.mark.parametrize(
    "wrong", [{"status": "pending"}, {}, {"status": "failed", "failure_reason": "x"}]
)
def test_a_refund_cannot_become_just_anything(
    sandbox: RunningSandbox, client: stripe.StripeClient, wrong: dict[str, str]
) -> None:
    refund = client.v1.refunds.create({"payment_intent": sell(client).id})
    assert sandbox.raw("POST", f"/_sandbox/refunds/{refund.id}", wrong)[0] == 400
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"


def test_a_refund_may_wait_for_the_balance(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sandbox.settings(refunds_wait_for_balance=True)
    sale = sell(client)
    pay(client, payee(client), holdings(client)[0])
    refund = client.v1.refunds.create({"payment_intent": sale.id})
    assert (refund.status, refund.pending_reason) == ("pending", "insufficient_funds")
    assert refund.balance_transaction is None
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": sale.id})
    assert refused.value.code == "charge_already_refunded"

    sell(client, 1000)
    assert client.v1.refunds.retrieve(refund.id).status == "pending"  # 941 are not enough
    sell(client, 1000, card="pm_card_bypassPending")
    paid = client.v1.refunds.retrieve(refund.id)
    assert paid.status == "succeeded"
    assert holdings(client)[0] == 2 * 941 - 1600
    sandbox.control("POST", f"refunds/{refund.id}", {"status": "failed"})
    assert holdings(client)[0] == 2 * 941


def test_else_the_bank_account_is_debited_and_the_balance_may_be_negative(
    client: stripe.StripeClient,
) -> None:
    sale = sell(client)
    pay(client, payee(client), holdings(client)[0])
    refund = client.v1.refunds.create({"payment_intent": sale.id})
    assert (refund.status, holdings(client)[0]) == ("succeeded", -1600)
    sell(client, 2000)  # so that the next story finds money again


def test_a_refund_of_pending_money_is_netted_from_it(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sandbox.settings(funds_available_after_seconds=HOUR)
    available, pending = holdings(client)
    client.v1.refunds.create({"payment_intent": sell(client).id, "amount": 600})
    assert holdings(client) == (available, pending + 1524 - 600)
