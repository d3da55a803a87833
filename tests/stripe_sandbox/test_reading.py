"""Finding what was made: lists, expansion, and the proofs that tests read."""

import time

import pytest
import stripe

from tests.stripe_sandbox.running import ONE_HOLD, RunningSandbox


def test_an_unknown_intent_is_not_found(client: stripe.StripeClient) -> None:
    for call in (client.v1.payment_intents.retrieve, client.v1.payment_intents.cancel):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            call("pi_nothing")
        assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_a_list_is_read_page_by_page_newest_first(
    client: stripe.StripeClient, customer: stripe.Customer
) -> None:
    mine = {**ONE_HOLD, "customer": customer.id}
    made = [client.v1.payment_intents.create(mine).id for _ in range(5)]
    of_customer = {"customer": customer.id}
    first = client.v1.payment_intents.list({**of_customer, "limit": 2})
    assert [pi.id for pi in first.data] == made[:2:-1]
    assert first.has_more
    assert [pi.id for pi in first.auto_paging_iter()] == made[::-1]
    newer = client.v1.payment_intents.list({**of_customer, "ending_before": made[2], "limit": 1})
    assert [pi.id for pi in newer.data] == [made[3]]
    future = {"created": {"gt": int(time.time()) + 60}}
    assert client.v1.payment_intents.list({**of_customer, **future}).data == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.list({"limit": 101})


def test_an_id_is_expanded_on_request(
    client: stripe.StripeClient, customer: stripe.Customer
) -> None:
    held = client.v1.payment_intents.create({**ONE_HOLD, "customer": customer.id})
    listed = client.v1.payment_intents.list(
        {"customer": customer.id, "expand": ["data.customer", "data.latest_charge.payment_intent"]}
    ).data[0]
    assert isinstance(listed.customer, stripe.Customer)
    assert isinstance(listed.latest_charge, stripe.Charge)
    assert isinstance(listed.latest_charge.payment_intent, stripe.PaymentIntent)
    assert listed.latest_charge.payment_intent.id == held.id
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.v1.payment_intents.retrieve(held.id, {"expand": ["amount"]})


def test_the_totals_sum_what_is_held(sandbox: RunningSandbox, client: stripe.StripeClient) -> None:
    metadata = {"order_id": "summed", "operation_id": "op1"}
    held = client.v1.payment_intents.create({**ONE_HOLD, "metadata": metadata})
    client.v1.payment_intents.create({**ONE_HOLD, "metadata": metadata})

    def standing() -> list[tuple[int, int]]:
        rows = sandbox.control("GET", "totals")["holds_standing"]
        return [(row["count"], row["amount"]) for row in rows if row["order_id"] == "summed"]

    assert standing() == [(2, 3200)]
    client.v1.payment_intents.cancel(held.id)
    assert standing() == [(1, 1600)]
    assert [hold["status"] for hold in sandbox.holds_of("summed")] == [
        "canceled",
        "requires_capture",
    ]
    assert sandbox.holds_of("summed")[0] == {
        "payment_intent": held.id,
        "order_id": "summed",
        "operation_id": "op1",
        "amount": 1600,
        "currency": "usd",
        "status": "canceled",
    }
