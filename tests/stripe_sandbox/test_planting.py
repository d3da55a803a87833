"""Differences are planted in silence, and the balance at a moment is what its entries say."""

from typing import Any

import pytest
import stripe

from tests.stripe_sandbox.money import charge_of, event_types, holdings, pay, payee, sell
from tests.stripe_sandbox.running import RunningSandbox

OURS = {"order_id": "o-1", "operation_id": "op-1"}


def plant(sandbox: RunningSandbox, what: str, **wanted: Any) -> Any:
    return sandbox.control("POST", f"plant/{what}", wanted)


def test_an_orphan_hold_and_an_orphan_sale_make_no_event(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    before = client.v1.events.list({"limit": 1}).data
    hold = plant(sandbox, "intent", amount=900, metadata=OURS)
    sale = plant(sandbox, "intent", capture_method="automatic")
    assert client.v1.payment_intents.retrieve(hold["id"]).status == "requires_capture"
    assert client.v1.payment_intents.retrieve(hold["id"]).metadata.to_dict() == OURS
    assert client.v1.payment_intents.retrieve(sale["id"]).status == "succeeded"
    after = client.v1.events.list({"limit": 1, "types": ["payment_intent.created"]}).data
    assert [event.data.object["id"] for event in after] != [sale["id"]]
    assert len(before) <= 1
    loud = plant(sandbox, "intent", events=True)
    assert event_types(client, 3)[2] == "payment_intent.created"
    assert client.v1.payment_intents.cancel(loud["id"]).status == "canceled"


def test_an_orphan_refund_and_transfer_move_money(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sale, account = sell(client, 5000), payee(client)
    before, _ = holdings(client)
    plant(sandbox, "refund", payment_intent=sale.id, amount=300)
    wanted = {"amount": 200, "currency": "usd", "destination": account.id, "metadata": OURS}
    made = plant(sandbox, "transfer", **wanted)
    assert holdings(client)[0] == before - 500
    assert client.v1.transfers.list({"destination": account.id}).data[0].id == made["id"]


def test_a_transfer_is_doubled_beyond_its_charge(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sale, account = sell(client, 1000), payee(client)
    first = pay(client, account, 900, sale, metadata=OURS, transfer_group="o-1")
    before, _ = holdings(client)
    second = plant(sandbox, "double", transfer=first.id)
    listed = client.v1.transfers.list({"transfer_group": "o-1", "destination": account.id}).data
    assert [one.id for one in listed] == [second["id"], first.id]
    assert holdings(client)[0] == before - 900


def test_an_amount_a_currency_and_a_state_differ(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sale = sell(client, 1600)
    plant(sandbox, "change", id=sale.id, set={"amount": 1500})
    changed = client.v1.payment_intents.retrieve(sale.id)
    charge = charge_of(client, sale)
    assert (changed.amount_received, charge.amount_captured) == (1500, 1500)
    assert isinstance(charge.balance_transaction, stripe.BalanceTransaction)
    assert charge.balance_transaction.amount == 1500
    assert charge.balance_transaction.net == 1500 - charge.balance_transaction.fee
    transfer = pay(client, payee(client), 100, sell(client))
    plant(sandbox, "change", id=transfer.id, set={"currency": "eur"})
    assert client.v1.transfers.retrieve(transfer.id).currency == "eur"
    held = plant(sandbox, "intent")
    plant(sandbox, "change", id=held["id"], set={"status": "canceled"})
    assert client.v1.payment_intents.retrieve(held["id"]).status == "canceled"


def test_something_is_missing_at_stripe(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    transfer = pay(client, payee(client), 100, sell(client))
    before, _ = holdings(client)
    plant(sandbox, "forget", id=transfer.id)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.transfers.retrieve(transfer.id)
    assert holdings(client)[0] == before + 100


@pytest.mark.parametrize(
    ("what", "wanted", "status"),
    [
        ("tree", {}, 400),
        ("change", {"id": "pi_nobody", "set": {"amount": 1}}, 404),
        ("double", {"transfer": "tr_nobody"}, 404),
        ("refund", {"payment_intent": "pi_nobody"}, 400),
    ],
)
def test_what_cannot_be_planted_is_refused(
    sandbox: RunningSandbox, what: str, wanted: Any, status: int
) -> None:
    assert sandbox.raw("POST", f"/_sandbox/plant/{what}", wanted)[0] == status


def test_the_balance_at_a_moment_is_the_sum_of_what_was_made_by_then(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sandbox.settings(funds_available_after_seconds=100)
    sell(client, 1000)
    sandbox.settings(clock_offset_seconds=50)
    early = sandbox.control("GET", "balance")
    sandbox.settings(clock_offset_seconds=60)
    sell(client, 2000)
    sandbox.settings(clock_offset_seconds=200)
    then = sandbox.control("GET", f"balance?at={early['at']}")
    now = sandbox.control("GET", "balance")
    assert then == early
    assert now["available"]["usd"] == holdings(client)[0]
    entries = client.v1.balance_transactions.list(
        {"created": {"lte": early["at"]}, "currency": "usd", "limit": 100}
    )
    net = sum(entry.net for entry in entries.auto_paging_iter())
    assert net == then["available"].get("usd", 0) + then["pending"]["usd"]


def test_stripe_is_down_for_a_time(sandbox: RunningSandbox, client: stripe.StripeClient) -> None:
    sandbox.fault("down", seconds=3600)
    for _ in range(3):
        with pytest.raises(stripe.APIConnectionError):
            client.v1.balance.retrieve()
    sandbox.settings(clock_offset_seconds=3600)
    assert client.v1.balance.retrieve().object == "balance"


@pytest.mark.parametrize("setting", ["rate_limit_per_second", "endpoint_rate_limit_per_second"])
def test_too_many_requests_a_second_are_refused(
    sandbox: RunningSandbox, client: stripe.StripeClient, setting: str
) -> None:
    sandbox.settings(**{setting: 1})
    reasons = set()
    for _ in range(50):
        try:
            client.v1.balance.retrieve()
        except stripe.RateLimitError as refused:
            reasons.add((refused.headers or {})["Stripe-Rate-Limited-Reason"])
    sandbox.settings(**{setting: 0})
    assert reasons == {"global-rate" if setting.startswith("rate") else "endpoint-rate"}
    client.v1.balance.retrieve()
