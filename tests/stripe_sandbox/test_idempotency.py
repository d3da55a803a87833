"""Idempotency keys: https://docs.stripe.com/api/idempotent_requests"""

import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import stripe

from tests.stripe_sandbox.running import KEY, ONE_HOLD, RunningSandbox


def replayed(obj: stripe.StripeObject) -> bool:
    assert obj.last_response is not None
    return obj.last_response.headers.get("Idempotent-Replayed") == "true"


def test_the_same_key_gives_the_same_reply(client: stripe.StripeClient) -> None:
    one = client.v1.payment_intents.create(ONE_HOLD, {"idempotency_key": "same"})
    client.v1.payment_intents.cancel(one.id)
    two = client.v1.payment_intents.create(ONE_HOLD, {"idempotency_key": "same"})
    assert (two.id, two.status) == (one.id, "requires_capture")  # as it was then, not as it is
    assert (replayed(one), replayed(two)) == (False, True)
    assert one.last_response is not None
    assert two.last_response is not None
    assert two.last_response.headers["Original-Request"] == one.last_response.request_id
    assert two.last_response.request_id != one.last_response.request_id


def test_half_a_request_is_none_and_leaves_its_key_free(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    head = (
        f"POST /v1/payment_intents/{held.id}/cancel HTTP/1.1\r\nHost: sandbox\r\n"
        f"Authorization: Bearer {KEY}\r\nIdempotency-Key: half\r\nContent-Length: 29\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=5) as dying:
        dying.sendall(head.encode() + b"cancellation_")
        dying.shutdown(socket.SHUT_WR)
        assert dying.recv(100) == b"", "nobody is there to be answered"
    assert client.v1.payment_intents.retrieve(held.id).status == "requires_capture"
    reason = {"cancellation_reason": "abandoned"}
    cancel = client.v1.payment_intents.cancel(held.id, reason, {"idempotency_key": "half"})
    assert cancel.status == "canceled"


def test_a_decline_is_remembered(client: stripe.StripeClient) -> None:
    declining = {**ONE_HOLD, "payment_method": "pm_card_visa_chargeDeclined"}
    charges = set()
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            client.v1.payment_intents.create(declining, {"idempotency_key": "declined"})
        charges.add(declined.value.error.charge)
    assert len(charges) == 1


def test_a_refusal_by_state_is_remembered(client: stripe.StripeClient) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    client.v1.payment_intents.cancel(held.id)
    for again in (False, True):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.payment_intents.capture(held.id, None, {"idempotency_key": "too late"})
        headers = refused.value.headers
        assert headers is not None
        assert ("Idempotent-Replayed" in headers) == again


def test_a_key_belongs_to_its_parameters_and_its_endpoint(client: stripe.StripeClient) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD, {"idempotency_key": "mine"})
    with pytest.raises(stripe.IdempotencyError, match="same parameters") as refused:
        client.v1.payment_intents.create({**ONE_HOLD, "amount": 9}, {"idempotency_key": "mine"})
    assert refused.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        client.v1.payment_intents.cancel(held.id, None, {"idempotency_key": "mine"})


def test_the_order_of_parameters_does_not_matter(client: stripe.StripeClient) -> None:
    key: stripe.RequestOptions = {"idempotency_key": "order"}
    one = client.v1.payment_intents.create(ONE_HOLD, key)
    two = client.v1.payment_intents.create(dict(reversed(ONE_HOLD.items())), key)
    assert one.id == two.id


def test_a_request_that_failed_validation_leaves_its_key_free(client: stripe.StripeClient) -> None:
    key: stripe.RequestOptions = {"idempotency_key": "free"}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create({**ONE_HOLD, "amount": "many"}, key)
    assert not replayed(client.v1.payment_intents.create(ONE_HOLD, key))


def test_an_unauthenticated_request_leaves_its_key_free(sandbox: RunningSandbox) -> None:
    key: stripe.RequestOptions = {"idempotency_key": "unknown"}
    with sandbox.client(key="sk_live_x") as stranger, pytest.raises(stripe.AuthenticationError):
        stranger.v1.customers.create({}, key)
    with sandbox.client() as known:
        assert not replayed(known.v1.customers.create({}, key))


def test_accounts_do_not_share_keys(client: stripe.StripeClient) -> None:
    one = client.v1.customers.create({}, {"idempotency_key": "k", "stripe_account": "acct_1"})
    two = client.v1.customers.create({}, {"idempotency_key": "k", "stripe_account": "acct_2"})
    assert one.id != two.id


def test_a_key_has_at_most_255_characters(client: stripe.StripeClient) -> None:
    client.v1.customers.create({}, {"idempotency_key": "k" * 255})
    with pytest.raises(stripe.InvalidRequestError, match="255"):
        client.v1.customers.create({}, {"idempotency_key": "k" * 256})


def test_a_key_is_forgotten_after_24_hours(sandbox: RunningSandbox) -> None:
    key: stripe.RequestOptions = {"idempotency_key": "old"}
    with sandbox.client() as client:
        first = client.v1.customers.create({}, key)
        sandbox.settings(clock_offset_seconds=24 * 3600 - 60)
        assert client.v1.customers.create({}, key).id == first.id
        sandbox.settings(clock_offset_seconds=24 * 3600 + 60)
        assert client.v1.customers.create({}, key).id != first.id


def test_of_eight_at_once_one_takes_effect(sandbox: RunningSandbox) -> None:
    sandbox.settings(latency_ms=200)
    at_once = threading.Barrier(8)
    order = {**ONE_HOLD, "metadata": {"order_id": "at once"}}

    def create(_: int) -> str:
        with sandbox.client() as client:
            at_once.wait()
            try:
                options: stripe.RequestOptions = {"idempotency_key": "at once"}
                return client.v1.payment_intents.create(order, options).id
            except stripe.APIError as conflict:
                return f"{conflict.http_status} {conflict.error.code}"

    with ThreadPoolExecutor(8) as threads:
        answers = set(threads.map(create, range(8)))
    (hold,) = sandbox.holds_of("at once")
    assert answers == {hold["payment_intent"], "409 idempotency_key_in_use"}
    assert create_again(sandbox, order) == hold["payment_intent"]


def create_again(sandbox: RunningSandbox, order: dict[str, object]) -> str:
    """The conflicts stored nothing: the key answers with the one success."""
    with sandbox.client() as client:
        again = client.v1.payment_intents.create(order, {"idempotency_key": "at once"})
    assert replayed(again)
    return again.id


def test_kill_9_loses_no_acknowledged_object_and_no_key(tmp_path: Path) -> None:
    sandbox = RunningSandbox(tmp_path)
    acknowledged: dict[int, str] = {}

    def create(number: int, client: stripe.StripeClient) -> stripe.PaymentIntent:
        order = {**ONE_HOLD, "metadata": {"order_id": str(number)}}
        return client.v1.payment_intents.create(order, {"idempotency_key": f"key {number}"})

    def create_until_killed() -> None:
        with sandbox.client() as client:
            while True:
                try:
                    acknowledged[len(acknowledged)] = create(len(acknowledged), client).id
                except stripe.APIConnectionError:
                    return
                enough.release()

    enough = threading.Semaphore(0)
    working = threading.Thread(target=create_until_killed)
    working.start()
    for _ in range(60):
        assert enough.acquire(timeout=10)
    assert sandbox.stop(signal.SIGKILL) == -signal.SIGKILL
    working.join()

    again = RunningSandbox(tmp_path, sandbox.port)
    with again.client() as client:
        for number, intent in acknowledged.items():
            found = create(number, client)
            assert (found.id, replayed(found)) == (intent, True)
        # The one request that was under way happened whole or not at all.
        under_way = create(len(acknowledged), client)
    counted = again.raw("GET", "/_sandbox/totals")[2]["objects"]
    assert again.stop() == 0
    assert under_way.id not in acknowledged.values()
    assert counted["payment_intent"] == counted["charge"] == len(acknowledged) + 1
    assert counted["event"] == 3 * counted["payment_intent"]


def test_replays_are_counted(sandbox: RunningSandbox, client: stripe.StripeClient) -> None:
    before = sandbox.control("GET", "totals")["replays"]
    for _ in range(3):
        client.v1.customers.create({}, {"idempotency_key": "counted"})
    assert sandbox.control("GET", "totals")["replays"] == before + 2


def test_a_get_needs_and_keeps_no_key(sandbox: RunningSandbox) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "read"}
    for path in ("/v1/customers", "/v1/events"):
        status, replied, _ = sandbox.raw("GET", path, headers=headers)
        assert (status, "Idempotent-Replayed" in replied) == (200, False)
