"""Every object has the shape that Stripe publishes: in its library, and in its sample objects."""

import json
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.stripe_sandbox.running import ONE_HOLD, RunningSandbox
from tests.stripe_sandbox.shapes import misfits, unlike

SAMPLES = json.loads(
    (Path(__file__).resolve().parents[1] / "data" / "stripe_fixtures.json").read_text()
)["resources"]
# What Stripe's samples hold that our case has not, and why.
NOT_OURS = frozenset(
    {
        "charge.refunds",  # since 2022-11-15 only when expanded
        "event.data.object",  # the sample is of another type
        "payment_method.metadata",  # the sample's writer's own keys
        "payment_intent.last_payment_error",  # the sample's is an idempotency error
    }
)

CLASSES: dict[str, type[stripe.StripeObject]] = {
    "customer": stripe.Customer,
    "payment_method": stripe.PaymentMethod,
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
}


def check(obj: dict[str, Any], cls: type[stripe.StripeObject]) -> None:
    name = obj["object"]
    assert list(misfits(obj, cls, name)) == []
    assert list(unlike(obj, SAMPLES[name], name, skip=NOT_OURS)) == []


SHIPPING = {"name": "Bo", "address": {"line1": "House B"}}


def path_of(intent: stripe.PaymentIntent) -> str:
    return f"/v1/payment_intents/{intent.id}"


def test_a_customer_has_stripes_shape(sandbox: RunningSandbox, client: stripe.StripeClient) -> None:
    bare = client.v1.customers.create()
    full = client.v1.customers.create(
        {"email": "a@b.example", "address": {"city": "X"}, "shipping": SHIPPING}
    )
    for customer in (bare, full):
        check(sandbox.get(f"/v1/customers/{customer.id}"), stripe.Customer)


def test_a_card_has_stripes_shape(
    sandbox: RunningSandbox, client: stripe.StripeClient, customer: stripe.Customer
) -> None:
    saved = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    check(sandbox.get(f"/v1/payment_methods/{saved.id}"), stripe.PaymentMethod)


@pytest.mark.parametrize("state", ["waiting", "held", "captured", "canceled", "declined"])
def test_an_intent_and_its_charge_have_stripes_shape(
    sandbox: RunningSandbox, client: stripe.StripeClient, state: str
) -> None:
    if state == "waiting":
        intent = client.v1.payment_intents.create({"amount": 50, "currency": "usd"})
    elif state == "declined":
        declining = {**ONE_HOLD, "payment_method": "pm_card_visa_chargeDeclined"}
        with pytest.raises(stripe.CardError) as declined:
            client.v1.payment_intents.create(declining)
        intent = declined.value.error.payment_intent
    else:
        intent = client.v1.payment_intents.create({**ONE_HOLD, "shipping": SHIPPING})
    if state == "captured":
        client.v1.payment_intents.capture(intent.id)
    if state == "canceled":
        client.v1.payment_intents.cancel(intent.id)
    check(sandbox.get(path_of(intent)), stripe.PaymentIntent)
    expanded = sandbox.get(f"{path_of(intent)}?expand[0]=latest_charge&expand[1]=payment_method")
    assert list(misfits(expanded, stripe.PaymentIntent, "payment_intent")) == []
    if state != "waiting":
        check(expanded["latest_charge"], stripe.Charge)


def test_every_event_has_stripes_shape_and_so_has_its_object(
    sandbox: RunningSandbox, client: stripe.StripeClient, customer: stripe.Customer
) -> None:
    saved = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    client.v1.payment_methods.detach(saved.id)
    client.v1.customers.update(customer.id, {"name": "Bo"})
    held = client.v1.payment_intents.create(ONE_HOLD)
    client.v1.payment_intents.cancel(held.id)
    events = sandbox.get("/v1/events?limit=100")["data"]
    assert len({event["type"] for event in events}) >= 9
    for event in events:
        check(event, stripe.Event)
        obj = event["data"]["object"]
        check(obj, CLASSES[obj["object"]])


def test_a_list_has_stripes_shape(sandbox: RunningSandbox) -> None:
    page = sandbox.get("/v1/charges?limit=1")
    assert page.keys() == {"object", "data", "has_more", "url"}
    assert (page["object"], page["url"]) == ("list", "/v1/charges")


@pytest.mark.parametrize(
    ("obj", "misfit"),
    [
        ({"amount": "1600"}, "payment_intent.amount is '1600'"),
        ({"status": None}, "payment_intent.status is null"),
        ({"colour": "red"}, "payment_intent.colour is not in"),
        ({"payment_method_types": ["card", 3]}, "payment_intent.payment_method_types[1] is 3"),
        ({"latest_charge": {"id": "ch_1"}}, "payment_intent.latest_charge"),
    ],
    ids=str,
)
def test_the_check_itself_sees_a_wrong_shape(
    sandbox: RunningSandbox, client: stripe.StripeClient, obj: dict[str, Any], misfit: str
) -> None:
    right = sandbox.get(path_of(client.v1.payment_intents.create(ONE_HOLD)))
    (found, *_) = misfits({**right, **obj}, stripe.PaymentIntent, "payment_intent")
    assert found.startswith(misfit)
