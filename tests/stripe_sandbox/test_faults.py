"""Each fault on demand does what its line in the README says."""

import time
from typing import Any

import pytest
import stripe

from tests.stripe_sandbox.running import ONE_HOLD, RunningSandbox, eventually

Options = stripe.RequestOptions


def hold(client: stripe.StripeClient, order: str, key: str | None = None) -> stripe.PaymentIntent:
    return client.v1.payment_intents.create(
        {**ONE_HOLD, "metadata": {"order_id": order}}, {"idempotency_key": key or f"key {order}"}
    )


def test_a_dropped_reply_hides_an_effect_that_the_same_key_shows(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sandbox.fault("drop_reply")
    with pytest.raises(stripe.APIConnectionError):
        hold(client, "dropped")
    (made,) = sandbox.holds_of("dropped")
    assert made["status"] == "requires_capture"
    assert hold(client, "dropped").id == made["payment_intent"]
    assert len(sandbox.holds_of("dropped")) == 1


def test_a_dropped_request_has_no_effect(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sandbox.fault("drop_request")
    with pytest.raises(stripe.APIConnectionError):
        hold(client, "unheard")
    assert sandbox.holds_of("unheard") == []


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"kind": "conflict"}, 409, "idempotency_key_in_use"),
        ({"kind": "rate_limit"}, 429, "rate_limit"),
        ({"kind": "rate_limit", "code": "lock_timeout"}, 429, "lock_timeout"),
        ({"kind": "error_500"}, 500, None),
    ],
    ids=["conflict", "rate limit", "lock timeout", "500"],
)
def test_a_refusal_before_the_endpoint_has_no_effect_and_frees_the_key(
    sandbox: RunningSandbox,
    client: stripe.StripeClient,
    fault: dict[str, Any],
    status: int,
    code: str | None,
) -> None:
    order = f"refused {status} {code}"
    sandbox.control("POST", "faults", fault)
    with pytest.raises((stripe.APIError, stripe.RateLimitError)) as refused:
        hold(client, order)
    assert refused.value.http_status == status
    assert getattr(refused.value.error, "code", None) == code
    assert sandbox.holds_of(order) == []
    assert hold(client, order).status == "requires_capture"


@pytest.mark.parametrize(("kind", "holds"), [("stored_500_before", 0), ("stored_500_after", 1)])
def test_a_stored_500_stays_whether_the_effect_happened_or_not(
    sandbox: RunningSandbox, client: stripe.StripeClient, kind: str, holds: int
) -> None:
    sandbox.fault(kind)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failed:
            hold(client, kind)
        assert failed.value.http_status == 500
    assert failed.value.headers is not None
    assert failed.value.headers["Idempotent-Replayed"] == "true"
    assert len(sandbox.holds_of(kind)) == holds


def test_a_refusal_has_no_effect_that_a_stored_500_could_hide(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sandbox.fault("stored_500_after")
    declined = {**ONE_HOLD, "payment_method": "pm_card_visa_chargeDeclined"}
    with pytest.raises(stripe.CardError):
        client.v1.payment_intents.create(declined)


def test_a_slow_reply_leaves_after_the_effect(sandbox: RunningSandbox) -> None:
    sandbox.fault("latency", seconds=30)
    with sandbox.client(timeout=0.3) as hasty, pytest.raises(stripe.APIConnectionError):
        hold(hasty, "slow reply")
    eventually(lambda: sandbox.holds_of("slow reply"))
    assert len(sandbox.holds_of("slow reply")) == 1


def test_a_delayed_effect_happens_after_the_client_has_gone(sandbox: RunningSandbox) -> None:
    sandbox.fault("delay_then_apply", seconds=5)
    with sandbox.client(timeout=0.2) as hasty, pytest.raises(stripe.APIConnectionError):
        hold(hasty, "delayed")
    assert sandbox.holds_of("delayed") == []
    with sandbox.client() as client:
        with pytest.raises(stripe.APIError) as running:
            hold(client, "delayed")
        assert running.value.http_status == 409
        eventually(lambda: sandbox.holds_of("delayed"))
        eventually(lambda: _repeats(sandbox, client))
    assert len(sandbox.holds_of("delayed")) == 1


def _repeats(sandbox: RunningSandbox, client: stripe.StripeClient) -> bool:
    # The effect is visible a moment before its key is let go.
    try:
        return hold(client, "delayed").id == sandbox.holds_of("delayed")[0]["payment_intent"]
    except stripe.APIError:
        return False


def test_the_bank_takes_its_time(sandbox: RunningSandbox, client: stripe.StripeClient) -> None:
    sandbox.settings(latency_ms=150)
    started = time.monotonic()
    hold(client, "timed")
    assert time.monotonic() - started >= 0.15


@pytest.mark.parametrize(
    "match",
    [
        {"method": "POST"},
        {"path": "/v1/payment_intents"},
        {"path": "/v1/payment_*"},
        {"metadata": {"order_id": "struck"}},
        {"param": {"amount": 1600, "confirm": True, "metadata[order_id]": "struck"}},
    ],
    ids=lambda match: next(iter(match)),
)
def test_a_fault_strikes_what_it_matches(
    sandbox: RunningSandbox, client: stripe.StripeClient, match: dict[str, Any]
) -> None:
    sandbox.fault("error_500", match=match, times=None)
    client.v1.customers.list()
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            hold(client, "struck")


@pytest.mark.parametrize(
    "match",
    [
        {"method": "GET"},
        {"path": "/v1/customers"},
        {"metadata": {"order_id": "other"}},
        {"metadata": {"unset": "x"}},
        {"param": {"amount": 1}},
    ],
    ids=lambda match: next(iter(match)),
)
def test_a_fault_spares_what_it_does_not_match(
    sandbox: RunningSandbox, client: stripe.StripeClient, match: dict[str, Any]
) -> None:
    sandbox.fault("error_500", match=match, times=None)
    assert hold(client, "spared", key=str(match)).status == "requires_capture"


def test_a_fault_finds_a_cancel_by_the_metadata_of_its_intent(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    mine, other = hold(client, "found"), hold(client, "not found")
    sandbox.fault("drop_reply", match={"metadata": {"order_id": "found"}})
    client.v1.payment_intents.cancel(other.id)
    with pytest.raises(stripe.APIConnectionError):
        client.v1.payment_intents.cancel(mine.id)
    assert client.v1.payment_intents.retrieve(mine.id).status == "canceled"


def test_a_fault_strikes_as_often_as_it_was_told(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    before = sandbox.control("GET", "totals")["faults"].get("rate_limit", 0)
    sandbox.fault("rate_limit", times=2)
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError):
            client.v1.customers.list()
    client.v1.customers.list()
    (waiting,) = sandbox.control("GET", "faults")["data"]
    assert (waiting["times"], waiting["met"]) == (0, 2)
    assert sandbox.control("GET", "totals")["faults"]["rate_limit"] == before + 2


def test_chance_is_the_same_in_every_run_with_one_seed(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    def struck(seed: int) -> list[bool]:
        sandbox.control("DELETE", "faults")
        sandbox.settings(seed=seed)
        sandbox.fault("error_500", probability=0.5, times=None)
        outcomes = []
        for _ in range(24):
            try:
                client.v1.customers.list()
                outcomes.append(False)
            except stripe.APIError:
                outcomes.append(True)
        return outcomes

    one = struck(1)
    assert one == struck(1)
    assert one != struck(2)
    assert 4 < sum(one) < 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "earthquake"},
        {"kind": "latency", "minutes": 3},
        {"kind": "latency", "seconds": -1},
        {"kind": "latency", "times": 0},
        {"kind": "latency", "probability": 2},
        {"kind": "latency", "match": {"weather": "rain"}},
        {"kind": "latency", "match": {"metadata": "all"}},
        {"kind": "rate_limit", "code": "tired"},
    ],
    ids=str,
)
def test_what_is_no_fault_is_refused(sandbox: RunningSandbox, wrong: dict[str, Any]) -> None:
    assert sandbox.raw("POST", "/_sandbox/faults", wrong)[0] == 400
    assert sandbox.control("GET", "faults")["data"] == []


@pytest.mark.parametrize("wrong", [{"weather": 1}, {"latency_ms": "1"}, {"latency_ms": -1}])
def test_what_is_no_setting_is_refused(sandbox: RunningSandbox, wrong: dict[str, Any]) -> None:
    before = sandbox.control("GET", "settings")
    assert sandbox.raw("PUT", "/_sandbox/settings", wrong)[0] == 400
    assert sandbox.control("GET", "settings") == before
