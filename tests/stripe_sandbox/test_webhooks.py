"""Events are delivered to whoever listens: signed, at least once, and again until answered."""

import hashlib
import hmac
from typing import Any

import pytest
import stripe

from tests.stripe_sandbox.money import payee
from tests.stripe_sandbox.receiver import Receiver, settled
from tests.stripe_sandbox.running import ONE_HOLD, RunningSandbox, eventually

DAY = 86_400
OF_A_SALE = (
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.amount_capturable_updated",
    "charge.captured",
    "payment_intent.succeeded",
)


def used_up(sandbox: RunningSandbox) -> bool:
    """True when every fault has struck as often as it was to."""
    return not any(one["times"] for one in sandbox.control("GET", "faults")["data"])


def test_an_event_arrives_signed_and_complete(
    client: stripe.StripeClient, receiver: Receiver
) -> None:
    secret = receiver.register(client, "payment_intent.amount_capturable_updated").secret
    intent = client.v1.payment_intents.create(
        {**ONE_HOLD, "metadata": {"order_id": "7"}}, {"idempotency_key": "hold-7"}
    )
    receiver.has(1)
    (letter,) = receiver.letters
    event = stripe.Webhook.construct_event(letter.body, letter.signature, secret)
    assert event.type == "payment_intent.amount_capturable_updated"
    assert event.data.object.id == intent.id
    assert event.data.object.metadata.order_id == "7"
    assert (event.livemode, event.api_version) == (False, stripe.api_version)
    assert event.request.idempotency_key == "hold-7"
    assert event.request.id == intent.last_response.request_id
    assert event.pending_webhooks == 1
    eventually(lambda: client.v1.events.retrieve(event.id).pending_webhooks == 0)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(letter.body + b" ", letter.signature, secret)


def test_while_a_secret_is_rolled_both_sign(
    sandbox: RunningSandbox, client: stripe.StripeClient, receiver: Receiver
) -> None:
    old = receiver.register(client, "customer.created")
    new = sandbox.control("POST", f"webhook_endpoints/{old.id}", {"expires_in": 60})["secret"]
    client.v1.customers.create({})
    receiver.has(1)
    body, header = receiver.letters[0].body, receiver.letters[0].signature
    moment = header.split(",")[0].removeprefix("t=")
    signatures = [part.removeprefix("v1=") for part in header.split(",") if part[:3] == "v1="]
    assert signatures == [
        hmac.new(key.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        for key in (new, old.secret)
    ]
    sandbox.settings(clock_offset_seconds=61)
    client.v1.customers.create({})
    receiver.has(2)
    assert receiver.letters[1].signature.count("v1=") == 1
    stripe.Webhook.construct_event(receiver.letters[1].body, receiver.letters[1].signature, new)


def test_a_connect_endpoint_hears_of_connected_accounts_and_the_other_does_not(
    sandbox: RunningSandbox, client: stripe.StripeClient, receiver: Receiver
) -> None:
    connect = Receiver()
    receiver.register(client)
    connect.register(client, connect=True)
    account = payee(client)
    sandbox.control("POST", f"accounts/{account.id}", {"transfers": "inactive"})
    client.v1.customers.create({})
    connect.has(2)
    receiver.has(1)
    assert sorted(connect.types()) == ["account.updated", "capability.updated"]
    assert {letter.event["account"] for letter in connect.letters} == {account.id}
    assert receiver.types() == ["customer.created"]
    connect.stop()


def test_one_listens_with_a_secret_of_ones_own_once_for_each_address(
    sandbox: RunningSandbox, client: stripe.StripeClient, receiver: Receiver
) -> None:
    for secret in ("whsec_first", "whsec_ours"):
        sandbox.control("POST", "listen", {"url": receiver.url, "secret": secret})
    sandbox.control("POST", "listen", {"url": receiver.url, "connect": True})
    client.v1.customers.create({})
    receiver.has(1)
    (letter,) = receiver.letters
    stripe.Webhook.construct_event(letter.body, letter.signature, "whsec_ours")
    assert len(client.v1.webhook_endpoints.list().data) == 2
    assert sandbox.raw("POST", "/_sandbox/listen", {"url": 7})[0] == 400


def test_an_unanswered_event_is_sent_again_and_is_listed_until_then(
    sandbox: RunningSandbox, client: stripe.StripeClient, receiver: Receiver
) -> None:
    client.v1.customers.create({})
    receiver.register(client, "customer.created")
    before = client.v1.events.list({"limit": 1}).data[0].id
    receiver.answer = lambda letter: 500 if len(receiver.letters) < 3 else 200
    customer = client.v1.customers.create({})
    undelivered: Any = {"delivery_success": False, "ending_before": before}
    undelivered["types"] = ["customer.created"]
    eventually(lambda: settled(sandbox).get("pending"))
    (missed,) = client.v1.events.list(undelivered).data
    assert (missed.data.object["id"], missed.pending_webhooks) == (customer.id, 1)
    sandbox.settings(webhook_retry_scale=0.001)
    sandbox.settings(clock_offset_seconds=61)  # the pause that the first failure began
    receiver.has(3)
    eventually(lambda: client.v1.events.list(undelivered).data == [])
    assert len({letter.event["id"] for letter in receiver.letters}) == 1
    delivered: Any = {"delivery_success": True, "type": "customer.created", "limit": 1}
    assert client.v1.events.list(delivered).data[0].id == missed.id


def test_an_event_is_given_up_after_three_days_and_can_be_sent_by_hand(
    sandbox: RunningSandbox, client: stripe.StripeClient, receiver: Receiver
) -> None:
    receiver.register(client, "customer.created")
    receiver.answer = lambda letter: 302  # followed by nobody
    client.v1.customers.create({})
    receiver.has(1)
    eventually(lambda: settled(sandbox).get("pending") == 1)
    sandbox.settings(clock_offset_seconds=3 * DAY)
    eventually(lambda: settled(sandbox).get("pending") is None)
    (last,) = (
        row for row in sandbox.control("GET", "deliveries")["data"] if row["url"] == receiver.url
    )
    assert (last["state"], last["attempts"], last["error"]) == ("failed", 2, "answered 302")
    receiver.answer = lambda letter: 200
    event = sandbox.control("POST", f"events/{last['event']}", {})
    eventually(lambda: client.v1.events.retrieve(event["id"]).pending_webhooks == 0)
    assert len(receiver.letters) == 3


def test_what_a_deleted_or_disabled_endpoint_missed_is_not_for_the_next(
    sandbox: RunningSandbox, client: stripe.StripeClient, receiver: Receiver
) -> None:
    off = receiver.register(client, "customer.created")
    client.v1.webhook_endpoints.update(off.id, {"disabled": True})
    client.v1.customers.create({})
    client.v1.webhook_endpoints.update(off.id, {"disabled": False})
    client.v1.customers.create({"name": "second"})
    receiver.has(1)
    assert receiver.letters[0].event["data"]["object"]["name"] == "second"


def test_events_older_than_thirty_days_are_no_longer_listed(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    client.v1.customers.create({})
    (event,) = client.v1.events.list({"limit": 1}).data
    sandbox.settings(clock_offset_seconds=30 * DAY + 1)
    listed = client.v1.events.list({"type": "customer.created", "limit": 100}).data
    assert event.id not in [one.id for one in listed]
    assert client.v1.events.retrieve(event.id).id == event.id


class TestFaults:
    def test_the_webhook_can_arrive_before_the_answer(
        self, sandbox: RunningSandbox, client: stripe.StripeClient, receiver: Receiver
    ) -> None:
        receiver.register(client)
        seen: list[str] = []

        def read_back(letter: Any) -> int:
            """The effect can be read while its request still waits for the answer."""
            intent = letter.event["data"]["object"]["id"]
            if letter.event["type"] == "payment_intent.amount_capturable_updated":
                seen.append(client.v1.payment_intents.retrieve(intent).status)
            return 200

        receiver.answer = read_back
        sandbox.fault("webhook_first", match={"path": "/v1/payment_intents"})
        client.v1.payment_intents.create(ONE_HOLD)
        assert seen == ["requires_capture"]
        assert len(receiver.letters) == 3

    def test_an_event_can_arrive_ten_times_at_once(
        self, sandbox: RunningSandbox, client: stripe.StripeClient, receiver: Receiver
    ) -> None:
        receiver.register(client)
        sandbox.fault("webhook_copies", copies=10, match={"type": "customer.*"})
        client.v1.customers.create({})
        receiver.has(10)
        client.v1.customers.create({})
        receiver.has(11)
        assert len({letter.event["id"] for letter in receiver.letters}) == 2

    def test_events_can_arrive_in_reverse(
        self, sandbox: RunningSandbox, client: stripe.StripeClient, receiver: Receiver
    ) -> None:
        receiver.register(client, *OF_A_SALE)
        match = {"metadata": {"order_id": "8"}}
        sandbox.fault("webhook_reversed", times=6, match=match)
        held = client.v1.payment_intents.create({**ONE_HOLD, "metadata": {"order_id": "8"}})
        eventually(lambda: settled(sandbox).get("held") == 3)
        assert receiver.letters == []
        client.v1.payment_intents.capture(held.id)
        client.v1.payment_intents.create({"amount": 50, "currency": "usd", **match})
        receiver.has(6)
        assert receiver.types() == ["payment_intent.created", *reversed(OF_A_SALE)]

    def test_what_is_held_back_is_sent_when_the_faults_are_cleared(
        self, sandbox: RunningSandbox, client: stripe.StripeClient, receiver: Receiver
    ) -> None:
        receiver.register(client)
        sandbox.fault("webhook_reversed", times=9)
        client.v1.customers.create({})
        eventually(lambda: settled(sandbox).get("held") == 1)
        sandbox.control("DELETE", "faults")
        receiver.has(1)

    def test_an_event_can_be_lost_or_late(
        self, sandbox: RunningSandbox, client: stripe.StripeClient, receiver: Receiver
    ) -> None:
        receiver.register(client)
        before = sandbox.control("GET", "totals")["deliveries"].get("lost", 0)
        sandbox.fault("webhook_dropped", match={"type": "customer.created"})
        sandbox.fault("webhook_delayed", seconds=3600, match={"type": "customer.updated"})
        customer = client.v1.customers.create({})
        client.v1.customers.update(customer.id, {"name": "Bo"})
        eventually(lambda: settled(sandbox).get("lost") == before + 1)
        eventually(lambda: used_up(sandbox))
        eventually(lambda: settled(sandbox).get("pending") == 1)
        assert receiver.letters == []
        missed = client.v1.events.list({"delivery_success": False, "limit": 2}).data
        assert [event.type for event in missed] == ["customer.updated", "customer.created"]
        sandbox.settings(clock_offset_seconds=3600)
        receiver.has(1)
        assert receiver.types() == ["customer.updated"]

    def test_a_fault_of_deliveries_looks_at_events(
        self, sandbox: RunningSandbox, client: stripe.StripeClient
    ) -> None:
        wrong = {"kind": "webhook_dropped", "match": {"path": "/v1/refunds"}}
        assert sandbox.raw("POST", "/_sandbox/faults", wrong)[0] == 400
        too_many = {"kind": "webhook_copies", "copies": 101}
        assert sandbox.raw("POST", "/_sandbox/faults", too_many)[0] == 400


def test_a_killed_sandbox_still_delivers(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    state = tmp_path_factory.mktemp("killed")
    receiver, first = Receiver(), RunningSandbox(state)
    with first.client() as client:
        receiver.register(client, "customer.created")
        first.fault("webhook_delayed", seconds=3600)
        client.v1.customers.create({})
        eventually(lambda: used_up(first))
        eventually(lambda: settled(first).get("pending") == 1)
    first.process.kill()
    first.process.communicate()
    second = RunningSandbox(state)
    second.settings(clock_offset_seconds=3600)
    receiver.has(1)
    assert second.stop() == 0
    receiver.stop()
