"""Every object has the shape that Stripe publishes: in its library, and in its sample objects."""

import json
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.stripe_sandbox.money import pay, payee, sell
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
        "account.capabilities.card_payments",  # not asked for
    }
)

CLASSES: dict[str, type[stripe.StripeObject]] = {
    "customer": stripe.Customer,
    "payment_method": stripe.PaymentMethod,
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "payout": stripe.Payout,
    "dispute": stripe.Dispute,
    "radar.early_fraud_warning": stripe.radar.EarlyFraudWarning,
    "refund": stripe.Refund,
    "setup_intent": stripe.SetupIntent,
    "setup_attempt": stripe.SetupAttempt,
    "balance": stripe.Balance,
    "balance_transaction": stripe.BalanceTransaction,
    "account": stripe.Account,
    "account_link": stripe.AccountLink,
    "capability": stripe.Capability,
    "transfer": stripe.Transfer,
    "transfer_reversal": stripe.TransferReversal,
    "application": stripe.Application,
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


@pytest.mark.parametrize("fate", ["paid back", "failed", "pending"])
def test_a_sale_paid_out_and_back_has_stripes_shape(
    sandbox: RunningSandbox, client: stripe.StripeClient, fate: str
) -> None:
    card = {"failed": "pm_card_refundFail", "pending": "pm_card_pendingRefund"}
    sale = sell(client, card=card.get(fate, "pm_card_visa"))
    transfer = pay(client, payee(client), 500, sale, metadata={"order_id": "7"})
    reversal = client.v1.transfers.reversals.create(transfer.id, {"amount": 100})
    refund = client.v1.refunds.create({"payment_intent": sale.id, "amount": 100})
    if fate == "failed":
        sandbox.control("POST", f"refunds/{refund.id}", {"status": "failed"})
    for path in (
        f"charges/{sale.latest_charge}",
        f"refunds/{refund.id}",
        f"transfers/{transfer.id}",
        f"transfers/{transfer.id}/reversals/{reversal.id}",
        "balance",
    ):
        obj = sandbox.get(f"/v1/{path}")
        check(obj, CLASSES[obj["object"]])
    for entry in sandbox.get("/v1/balance_transactions?limit=10&expand[0]=data.source")["data"]:
        assert list(misfits(entry["source"], CLASSES[entry["source"]["object"]], "source")) == []
        check({**entry, "source": entry["source"]["id"]}, stripe.BalanceTransaction)


@pytest.mark.parametrize("active", [True, False])
def test_an_account_has_stripes_shape(
    sandbox: RunningSandbox, client: stripe.StripeClient, active: bool
) -> None:
    sandbox.settings(accounts_active_at_once=active)
    account = payee(client, business_profile={"name": "Diner"})
    check(sandbox.get(f"/v1/accounts/{account.id}"), stripe.Account)
    check(sandbox.get(f"/v1/accounts/{account.id}/capabilities/transfers"), stripe.Capability)
    urls = {"refresh_url": "https://a.example", "return_url": "https://b.example"}
    link = client.v1.account_links.create(
        {"account": account.id, "type": "account_onboarding", **urls}
    )
    check(link.to_dict(), stripe.AccountLink)
    change = {"transfers": "pending", "deauthorized": True}
    sandbox.control("POST", f"accounts/{account.id}", change)


def test_a_payout_has_stripes_shape(sandbox: RunningSandbox, client: stripe.StripeClient) -> None:
    sell(client, 90_000)
    (payout,) = sandbox.control("POST", "payouts", {})["data"]
    check(sandbox.get(f"/v1/payouts/{payout['id']}"), stripe.Payout)


@pytest.mark.parametrize("status", ["needs_response", "won", "warning_needs_response"])
def test_a_dispute_and_its_warning_have_stripes_shape(
    sandbox: RunningSandbox, client: stripe.StripeClient, status: str
) -> None:
    charge = sell(client).latest_charge
    warning = sandbox.control("POST", f"fraud_warnings/{charge}", {})
    wanted = {"inquiry": status.startswith("warning")}
    dispute = sandbox.control("POST", f"charge_back/{charge}", wanted)["id"]
    if status == "won":
        sandbox.control("POST", f"disputes/{dispute}", {"status": status})
    check(sandbox.get(f"/v1/disputes/{dispute}"), stripe.Dispute)
    path = f"/v1/radar/early_fraud_warnings/{warning['id']}"
    check(sandbox.get(path), stripe.radar.EarlyFraudWarning)
    for event in sandbox.get("/v1/events?limit=5")["data"]:
        check(event, stripe.Event)


def test_every_event_has_stripes_shape_and_so_has_its_object(
    sandbox: RunningSandbox, client: stripe.StripeClient, customer: stripe.Customer
) -> None:
    account = payee(client)
    sale = sell(client, card="pm_card_refundFail")
    client.v1.transfers.reversals.create(pay(client, account, 500, sale).id)
    refund = client.v1.refunds.create({"payment_intent": sale.id})
    sandbox.control("POST", f"refunds/{refund.id}", {"status": "failed"})
    sandbox.control("POST", f"accounts/{account.id}", {"transfers": "inactive"})
    sandbox.control("POST", f"lapse/{client.v1.payment_intents.create(ONE_HOLD).id}", {})
    saved = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    client.v1.payment_methods.detach(saved.id)
    client.v1.customers.update(customer.id, {"name": "Bo"})
    held = client.v1.payment_intents.create(ONE_HOLD)
    client.v1.payment_intents.cancel(held.id)
    events = sandbox.get("/v1/events?limit=100")["data"]
    assert len({event["type"] for event in events}) >= 17
    of_account = client.v1.events.list({"limit": 100}, {"stripe_account": account.id})
    assert len(of_account.data) == 2
    for event in [*events, *of_account.to_dict()["data"]]:
        check(event, stripe.Event)
        obj = event["data"]["object"]
        check(obj, CLASSES[obj["object"]])


@pytest.mark.parametrize("outcome", ["complete", "fail", "abandon"])
def test_what_waits_for_a_challenge_has_stripes_shape(
    sandbox: RunningSandbox, client: stripe.StripeClient, customer: stripe.Customer, outcome: str
) -> None:
    card = {"payment_method": "pm_card_authenticationRequired", "confirm": True}
    back = {"return_url": "https://campus.example/", "customer": customer.id}
    intents: list[Any] = [
        client.v1.setup_intents.create({**card, **back}),
        client.v1.payment_intents.create({"amount": 900, "currency": "usd", **card, **back}),
    ]
    for intent in intents:
        sandbox.control("POST", f"authenticate/{intent.id}", {"outcome": outcome})
        found = sandbox.get(f"/v1/{intent.object}s/{intent.id}")
        check(found, CLASSES[intent.object])
    (attempt,) = sandbox.get(f"/v1/setup_attempts?setup_intent={intents[0].id}")["data"]
    check(attempt, stripe.SetupAttempt)
    for event in sandbox.get("/v1/events?limit=6")["data"]:
        check(event, stripe.Event)


def test_a_webhook_endpoint_has_stripes_shape(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    made = client.v1.webhook_endpoints.create(
        {"url": "http://127.0.0.1:9/", "enabled_events": ["charge.failed"], "connect": True}
    )
    check(made.to_dict(), stripe.WebhookEndpoint)
    check(sandbox.get(f"/v1/webhook_endpoints/{made.id}"), stripe.WebhookEndpoint)


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
