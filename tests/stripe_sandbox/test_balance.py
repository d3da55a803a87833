"""The balance is the sum of its transactions, pending first and then available."""

import time

import pytest
import stripe

from tests.stripe_sandbox.money import HOUR, charge_of, holdings, pay, payee, sell
from tests.stripe_sandbox.running import RunningSandbox


def test_captured_money_is_pending_until_it_is_available(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sandbox.settings(funds_available_after_seconds=2 * HOUR)
    available, pending = holdings(client)
    before = int(time.time())
    entry = charge_of(client, sell(client)).balance_transaction
    assert isinstance(entry, stripe.BalanceTransaction)
    assert entry.status == "pending"
    assert before <= entry.available_on - 2 * HOUR <= time.time()
    assert holdings(client) == (available, pending + 1524)

    sandbox.settings(clock_offset_seconds=2 * HOUR)
    assert holdings(client) == (available + pending + 1524, 0)
    assert client.v1.balance_transactions.retrieve(entry.id).status == "available"
    newest = client.v1.events.list({"limit": 1}).data[0]
    assert newest.type == "balance.available"
    dollars = [part for part in newest.data.object["available"] if part["currency"] == "usd"]
    assert dollars[0]["amount"] == available + 1524


def test_without_a_delay_it_is_available_to_the_next_request(client: stripe.StripeClient) -> None:
    sale = sell(client, expand=["latest_charge.balance_transaction"])
    entry = sale.latest_charge.balance_transaction  # type: ignore[union-attr]
    assert entry.status == "pending"  # type: ignore[union-attr]
    assert client.v1.balance_transactions.retrieve(entry.id).status == "available"  # type: ignore[union-attr]


def test_one_test_card_skips_the_pending_balance(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sandbox.settings(funds_available_after_seconds=2 * HOUR)
    available, pending = holdings(client)
    sell(client, card="pm_card_bypassPending")
    assert holdings(client) == (available + 1524, pending)


def test_the_balance_is_the_sum_of_its_transactions(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sale = sell(client)
    client.v1.refunds.create({"payment_intent": sale.id, "amount": 100})
    client.v1.transfers.reversals.create(pay(client, payee(client), 500, sale).id, {"amount": 200})
    sell(client, 5000, currency="eur")
    entries = client.v1.balance_transactions.list({"limit": 100}).auto_paging_iter()
    nets = [entry.net for entry in entries if entry.currency == "usd"]
    assert sum(holdings(client)) == sum(nets)
    balance = sandbox.control("GET", "totals")["balance"]
    assert balance["available"]["usd"] + balance["pending"].get("usd", 0) == sum(nets)
    assert balance["available"]["eur"] == 5000 - 175


def test_transactions_are_found_by_what_they_are_of(client: stripe.StripeClient) -> None:
    sale = sell(client)
    refund = client.v1.refunds.create({"charge": str(sale.latest_charge)})
    entries = client.v1.balance_transactions
    (of_charge,) = entries.list({"source": str(sale.latest_charge)}).data
    (of_refund,) = entries.list({"source": refund.id, "type": "refund"}).data
    assert (of_charge.type, of_refund.type) == ("charge", "refund")
    assert [entry.id for entry in entries.list({"limit": 2}).data] == [of_refund.id, of_charge.id]
    assert entries.list({"type": "refund", "source": of_charge.id}).data == []
    assert entries.list({"created": {"gt": of_refund.created + HOUR}}).data == []
    seen = entries.retrieve(of_refund.id, {"expand": ["source.charge"]})
    assert isinstance(seen.source, stripe.Refund)
    assert isinstance(seen.source.charge, stripe.Charge)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        entries.list({"payout": "po_1"})
    assert refused.value.code == "resource_missing"
