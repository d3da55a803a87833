"""Paying out to connected accounts, and taking it back."""

from typing import Any

import pytest
import stripe

from tests.stripe_sandbox.money import HOUR, charge_of, event_types, holdings, pay, payee, sell
from tests.stripe_sandbox.running import ONE_HOLD, RunningSandbox


def test_a_charge_is_shared_out_before_its_money_is_available(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sandbox.settings(funds_available_after_seconds=HOUR)
    available, pending = holdings(client)
    sale = sell(client, transfer_group="order 7")
    diner, runner = payee(client), payee(client)
    to_diner = pay(client, diner, 1100, sale, metadata={"order_id": "7", "leg": "food"})
    to_runner = pay(client, runner, 300, sale, transfer_group="order 7")
    assert (to_diner.transfer_group, to_diner.source_transaction) == ("order 7", sale.latest_charge)
    assert to_diner.metadata["leg"] == "food"
    assert str(to_diner.destination_payment).startswith("py_")
    assert holdings(client) == (available, pending + 1524 - 1400)
    assert (holdings(client, diner.id), holdings(client, runner.id)) == ((0, 1100), (0, 300))

    listed = client.v1.transfers.list({"transfer_group": "order 7"}).data
    assert [transfer.id for transfer in listed] == [to_runner.id, to_diner.id]
    of_runner = client.v1.transfers.list({"destination": runner.id}).data
    assert [transfer.id for transfer in of_runner] == [to_runner.id]
    seen = client.v1.transfers.retrieve(to_diner.id, {"expand": ["balance_transaction"]})
    assert isinstance(seen.balance_transaction, stripe.BalanceTransaction)
    assert (seen.balance_transaction.net, seen.balance_transaction.type) == (-1100, "transfer")
    assert event_types(client, 2) == ["transfer.created", "transfer.created"]
    sandbox.settings(clock_offset_seconds=HOUR)
    assert holdings(client) == (available + pending + 1524 - 1400, 0)


def test_no_more_is_shared_out_than_was_captured(client: stripe.StripeClient) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    client.v1.payment_intents.capture(held.id, {"amount_to_capture": 1000})
    account = payee(client)
    pay(client, account, 800, held)
    too_much = r"source amount of \$10.00. \(There is already .* amounting to \$8.00.\)"
    with pytest.raises(stripe.InvalidRequestError, match=too_much) as refused:
        pay(client, account, 201, held)
    assert refused.value.http_status == 400
    assert pay(client, account, 200, held).amount == 200


def test_a_transfer_takes_the_group_of_its_charge(client: stripe.StripeClient) -> None:
    account, sale = payee(client), sell(client)
    first = pay(client, account, 100, sale)
    assert first.transfer_group == f"group_{sale.id}"
    assert charge_of(client, sale).transfer_group == first.transfer_group
    with pytest.raises(stripe.InvalidRequestError) as refused:
        pay(client, account, 100, sale, transfer_group="another")
    assert refused.value.param == "transfer_group"


@pytest.mark.parametrize("status", ["inactive", "pending"])
def test_who_may_not_receive_transfers_gets_none(
    sandbox: RunningSandbox, client: stripe.StripeClient, status: str
) -> None:
    account, sale = payee(client), sell(client)
    sandbox.control("POST", f"accounts/{account.id}", {"transfers": status})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        pay(client, account, 100, sale)
    assert (refused.value.http_status, refused.value.code) == (
        400,
        "insufficient_capabilities_for_transfer",
    )
    sandbox.control("POST", f"accounts/{account.id}", {"transfers": "active"})
    assert pay(client, account, 100, sale).amount == 100


def test_who_never_asked_for_transfers_gets_none(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        pay(client, client.v1.accounts.create({"type": "express"}), 100, sell(client))
    assert refused.value.code == "insufficient_capabilities_for_transfer"


def test_without_a_source_the_available_balance_must_suffice(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sandbox.settings(funds_available_after_seconds=HOUR)
    account, sale = payee(client), sell(client)
    sell(client, 10_000_000, card="pm_card_bypassPending")  # whatever tests before this one owe
    available = holdings(client)[0]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        pay(client, account, available + 1)
    assert (refused.value.http_status, refused.value.code) == (400, "balance_insufficient")
    assert pay(client, account, 1600, sale).amount == 1600  # a source needs no balance
    sell(client, card="pm_card_bypassPending")
    assert pay(client, account, available + 1524).transfer_group is None
    assert holdings(client)[0] == 0


@pytest.mark.parametrize(
    ("wrong", "code", "param"),
    [
        ({"destination": "acct_nobody"}, "resource_missing", "destination"),
        ({"source_transaction": "ch_nothing"}, "resource_missing", "source_transaction"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": None}, "parameter_missing", "amount"),
        ({"currency": None}, "parameter_missing", "currency"),
        ({"currency": "eur"}, None, "currency"),
        ({"source_type": "card"}, None, "source_type"),
    ],
    ids=str,
)
def test_what_is_no_transfer_is_refused(
    sandbox: RunningSandbox,
    client: stripe.StripeClient,
    wrong: dict[str, Any],
    code: str | None,
    param: str,
) -> None:
    source = sell(client).latest_charge
    right = {"amount": 100, "currency": "usd", "destination": payee(client).id}
    given = {**right, "source_transaction": source, **wrong}
    before = sandbox.control("GET", "totals")["objects"]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.transfers.create({k: v for k, v in given.items() if v is not None})
    assert (refused.value.code, refused.value.param) == (code, param)
    assert sandbox.control("GET", "totals")["objects"] == {
        **before,
        "event": sandbox.control("GET", "totals")["objects"]["event"],
    }


def test_a_hold_is_no_source(client: stripe.StripeClient) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        pay(client, payee(client), 100, held)
    assert refused.value.param == "source_transaction"


def test_a_transfer_is_reversed_in_parts_and_never_above_itself(
    client: stripe.StripeClient,
) -> None:
    account, sale = payee(client), sell(client)
    transfer = pay(client, account, 1000, sale)
    reversals = client.v1.transfers.reversals
    before = sum(holdings(client))
    first = reversals.create(transfer.id, {"amount": 300, "metadata": {"operation_id": "op1"}})
    assert (first.amount, first.transfer) == (300, transfer.id)
    assert first.metadata is not None
    assert first.metadata["operation_id"] == "op1"
    assert event_types(client, 1) == ["transfer.reversed"]
    with pytest.raises(stripe.InvalidRequestError, match=r"\$7.01") as refused:
        reversals.create(transfer.id, {"amount": 701})
    assert refused.value.param == "amount"
    rest = reversals.create(transfer.id, {"expand": ["balance_transaction"]})
    assert isinstance(rest.balance_transaction, stripe.BalanceTransaction)
    assert (rest.amount, rest.balance_transaction.net) == (700, 700)
    assert rest.balance_transaction.reporting_category == "transfer_reversal"
    assert sum(holdings(client)) == before + 1000
    assert sum(holdings(client, account.id)) == 0
    with pytest.raises(stripe.InvalidRequestError, match="already fully reversed"):
        reversals.create(transfer.id)

    seen = client.v1.transfers.retrieve(transfer.id)
    assert (seen.amount_reversed, seen.reversed) == (1000, True)
    both = [rest.id, first.id]
    assert [reversal.id for reversal in seen.reversals.data] == both
    assert [reversal.id for reversal in reversals.list(transfer.id).data] == both
    assert reversals.retrieve(transfer.id, first.id).amount == 300
    with pytest.raises(stripe.InvalidRequestError):
        reversals.retrieve(pay(client, account, 100, sale).id, first.id)


def test_what_an_account_has_paid_out_cannot_be_taken_back(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    account = payee(client)
    transfer = pay(client, account, 1000, sell(client))
    client.v1.balance.retrieve()
    sandbox.control("POST", f"accounts/{account.id}", {"pay_out": True})
    before = holdings(client)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.transfers.reversals.create(transfer.id)
    assert (refused.value.http_status, refused.value.code) == (400, "balance_insufficient")
    assert holdings(client) == before
    pay(client, account, 1000, sell(client))
    assert client.v1.transfers.reversals.create(transfer.id).amount == 1000


def test_a_refund_leaves_the_transfers_of_its_charge_alone(client: stripe.StripeClient) -> None:
    account, sale = payee(client), sell(client)
    transfer = pay(client, account, 1000, sale)
    client.v1.refunds.create({"payment_intent": sale.id})
    assert client.v1.transfers.retrieve(transfer.id).amount_reversed == 0
    assert sum(holdings(client, account.id)) == 1000
