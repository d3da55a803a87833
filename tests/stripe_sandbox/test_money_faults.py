"""Keys and faults hold for every call that moves money, and the proofs count each movement once."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from tests.stripe_sandbox.money import charge_of, holdings, pay, payee, sell
from tests.stripe_sandbox.running import ONE_HOLD, RunningSandbox

# Makes ready, and returns the call; what it moves is named by the order in its metadata.
Moving = Callable[[stripe.StripeClient, str], Callable[[stripe.RequestOptions], Any]]


def capturing(client: stripe.StripeClient, order: str) -> Callable[[stripe.RequestOptions], Any]:
    held = client.v1.payment_intents.create({**ONE_HOLD, "metadata": {"order_id": order}})
    return lambda options: client.v1.payment_intents.capture(held.id, None, options)


def refunding(client: stripe.StripeClient, order: str) -> Callable[[stripe.RequestOptions], Any]:
    wanted = {"payment_intent": sell(client).id, "amount": 100, "metadata": {"order_id": order}}
    return lambda options: client.v1.refunds.create(wanted, options)


def transferring(client: stripe.StripeClient, order: str) -> Callable[[stripe.RequestOptions], Any]:
    wanted = {
        "amount": 100,
        "currency": "usd",
        "destination": payee(client).id,
        "source_transaction": str(sell(client).latest_charge),
        "metadata": {"order_id": order},
    }
    return lambda options: client.v1.transfers.create(wanted, options)


def reversing(client: stripe.StripeClient, order: str) -> Callable[[stripe.RequestOptions], Any]:
    paid = pay(client, payee(client), 100, sell(client), metadata={"order_id": order})
    return lambda options: client.v1.transfers.reversals.create(paid.id, {"amount": 100}, options)


each_way = pytest.mark.parametrize("moving", [capturing, refunding, transferring, reversing])


@each_way
def test_a_lost_reply_is_found_by_its_key_and_the_money_moved_once(
    sandbox: RunningSandbox, client: stripe.StripeClient, moving: Moving
) -> None:
    call = moving(client, "lost")
    before = sum(holdings(client))
    sandbox.fault("drop_reply", match={"method": "POST", "metadata": {"order_id": "lost"}})
    key: stripe.RequestOptions = {"idempotency_key": f"lost {moving.__name__}"}
    with pytest.raises(stripe.APIConnectionError):
        call(key)
    moved = sum(holdings(client))
    assert moved != before
    found = call(key)
    assert found.last_response.headers["Idempotent-Replayed"] == "true"
    assert sum(holdings(client)) == moved


@each_way
@pytest.mark.parametrize("kind", ["conflict", "rate_limit", "drop_request", "stored_500_before"])
def test_what_was_refused_moved_nothing(
    sandbox: RunningSandbox, client: stripe.StripeClient, moving: Moving, kind: str
) -> None:
    order = f"refused {kind}"
    call = moving(client, order)
    before = sum(holdings(client))
    sandbox.fault(kind, match={"method": "POST", "metadata": {"order_id": order}})
    key: stripe.RequestOptions = {"idempotency_key": f"{order} {moving.__name__}"}
    with pytest.raises((stripe.APIError, stripe.APIConnectionError, stripe.RateLimitError)):
        call(key)
    assert sum(holdings(client)) == before
    if kind == "stored_500_before":
        with pytest.raises(stripe.APIError):
            call(key)
        key = {"idempotency_key": f"{order} {moving.__name__} once more"}
    call(key)
    assert sum(holdings(client)) != before


@each_way
def test_a_stored_500_may_hide_a_movement(
    sandbox: RunningSandbox, client: stripe.StripeClient, moving: Moving
) -> None:
    call = moving(client, "hidden")
    before = sum(holdings(client))
    sandbox.fault("stored_500_after", match={"metadata": {"order_id": "hidden"}})
    key: stripe.RequestOptions = {"idempotency_key": f"hidden {moving.__name__}"}
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            call(key)
    assert abs(sum(holdings(client)) - before) in (100, 1524)  # once


def order_row(sandbox: RunningSandbox, order: str) -> dict[str, Any]:
    (row,) = [r for r in sandbox.control("GET", "orders")["data"] if r["order_id"] == order]
    return row


def test_an_orders_money_is_told_in_one_row(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    wanted = {**ONE_HOLD, "metadata": {"order_id": "told"}, "transfer_group": "told"}
    held = client.v1.payment_intents.create(wanted)
    empty = {"captured": 0, "refunded": 0, "transferred": {}, "reversed": 0, "fee": 0}
    row = {"order_id": "told", "currency": "usd", "held": 1600, **empty}
    assert order_row(sandbox, "told") == row

    client.v1.payment_intents.capture(held.id, {"amount_to_capture": 1500})
    diner, runner = payee(client), payee(client)
    transfer = pay(client, diner, 900, held)
    pay(client, runner, 100, held)
    pay(client, runner, 150, held)
    client.v1.transfers.reversals.create(transfer.id, {"amount": 40})
    client.v1.refunds.create({"payment_intent": held.id, "amount": 60})
    assert order_row(sandbox, "told") == row | {
        "held": 0,
        "captured": 1500,
        "refunded": 60,
        "transferred": {diner.id: 900, runner.id: 250},
        "reversed": 40,
        "fee": 44 + 30,
    }


def test_a_voided_order_has_moved_nothing(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    held = client.v1.payment_intents.create({**ONE_HOLD, "metadata": {"order_id": "voided"}})
    client.v1.payment_intents.cancel(held.id)
    row = order_row(sandbox, "voided")
    assert (row["held"], row["captured"], row["refunded"], row["fee"]) == (0, 0, 0, 0)


def test_all_that_moved_adds_up_to_the_balance(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sale = sell(client, card="pm_card_refundFail")
    transfer = pay(client, payee(client), 500, sale)
    client.v1.transfers.reversals.create(transfer.id, {"amount": 100})
    refund = client.v1.refunds.create({"payment_intent": sale.id, "amount": 300})
    sandbox.control("POST", f"refunds/{refund.id}", {"status": "failed"})
    client.v1.refunds.create({"payment_intent": sale.id, "amount": 200})
    assert charge_of(client, sale).amount_refunded == 200
    totals = sandbox.control("GET", "totals")
    money = totals["money"]["usd"]
    assert money["captured"] - money["refunded"] - money["fees"] - money["transferred"] + money[
        "reversed"
    ] == sum(by_currency.get("usd", 0) for by_currency in totals["balance"].values())
    assert min(money[name] for name in ("captured", "refunded", "transferred", "reversed")) > 0


def test_events_are_listed_by_type_by_types_and_by_time(client: stripe.StripeClient) -> None:
    refund = client.v1.refunds.create({"payment_intent": sell(client).id})
    listed = client.v1.events.list
    assert listed({"type": "refund.created", "limit": 1}).data[0].data.object["id"] == refund.id
    two = ["refund.created", "charge.refunded"]
    assert [event.type for event in listed({"types": two, "limit": 2}).data] == two[::-1]
    assert {event.type for event in listed({"type": "refund.c*"}).data} == {"refund.created"}
    assert listed({"types": two, "created": {"gt": refund.created + 60}}).data == []
    with pytest.raises(stripe.InvalidRequestError, match="not both"):
        listed({"type": "refund.created", "types": two})
