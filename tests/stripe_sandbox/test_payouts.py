"""Payouts of the platform take the balance away that transfers without a source live on."""

import pytest
import stripe

from tests.stripe_sandbox.money import event_types, holdings, pay, payee, sell
from tests.stripe_sandbox.running import RunningSandbox


def test_a_payout_drains_the_balance_under_transfers(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sale, account = sell(client, 1600), payee(client)
    available, _ = holdings(client)
    made = client.v1.payouts.create({"amount": available, "currency": "usd"})
    assert (made.status, made.automatic) == ("in_transit", False)
    assert holdings(client) == (0, 0)
    with pytest.raises(stripe.InvalidRequestError) as short:
        pay(client, account, 100)
    assert short.value.code == "balance_insufficient"
    pay(client, account, 100, sale)  # the charge's own money settles with the charge
    with pytest.raises(stripe.InvalidRequestError) as empty:
        client.v1.payouts.create({"amount": 1, "currency": "usd"})
    assert empty.value.code == "balance_insufficient"
    assert event_types(client, 2) == ["transfer.created", "payout.created"]


def test_an_automatic_payout_knows_what_it_is_made_of(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sandbox.control("POST", "payouts", {})  # what earlier tests left
    sale = sell(client, 2000)
    refund = client.v1.refunds.create({"payment_intent": sale.id, "amount": 500})
    before, _ = holdings(client)
    (made,) = sandbox.control("POST", "payouts", {})["data"]
    assert (made["amount"], made["automatic"]) == (before, True)
    entries = client.v1.balance_transactions.list({"payout": made["id"]}).data
    assert {entry.source for entry in entries} >= {sale.latest_charge, refund.id, made["id"]}
    assert sum(entry.net for entry in entries) == 0
    assert [one.id for one in client.v1.payouts.list({"limit": 1}).data] == [made["id"]]


def test_a_payout_may_fail_after_it_was_paid_and_brings_the_money_back(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sell(client, 1000)
    available, _ = holdings(client)
    made = client.v1.payouts.create({"amount": available, "currency": "usd"})
    assert sandbox.control("POST", f"payouts/{made.id}", {"status": "paid"})["status"] == "paid"
    failed = sandbox.control("POST", f"payouts/{made.id}", {"status": "failed"})
    assert failed["failure_code"] == "account_closed"
    assert holdings(client) == (available, 0)
    assert event_types(client, 2) == ["payout.failed", "payout.paid"]
    assert sandbox.raw("POST", f"/_sandbox/payouts/{made.id}", {"status": "paid"})[0] == 400
