"""The line to Stripe: a breaker that all processes share, limits, and no call in a transaction."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import requests
import stripe
from django.conf import settings as live
from django.db import transaction
from django.db.models.functions import Now

from payments import breaker, gateway
from payments.breaker import StripeLine
from payments.gateway import Outcome, limits
from payments.gateway.line import NotSent
from tests import guard

pytestmark = pytest.mark.usefixtures("committed_db")

Ask = Callable[[], None]


@pytest.fixture
def line(settings: Any) -> Iterator[Any]:
    """A breaker that opens after three failures, for half a minute."""
    settings.STRIPE_BREAKER_FAILURES, settings.STRIPE_BREAKER_OPEN_SECONDS = 3, 30
    StripeLine.objects.all().delete()
    breaker.forget()
    yield settings
    StripeLine.objects.all().delete()
    breaker.forget()
    requests.delete(f"{live.STRIPE_API_BASE}/_sandbox/faults", timeout=10)


def ask() -> None:
    gateway.client().v1.customers.list({"limit": 1, "email": "line@campus.example"})


def fault(kind: str, times: int | None) -> None:
    match = {"path": "/v1/customers", "param": {"email": "line@campus.example"}}
    body = {"kind": kind, "times": times, "match": match}
    url = f"{live.STRIPE_API_BASE}/_sandbox/faults"
    requests.post(url, json=body, timeout=10).raise_for_status()


def fails() -> None:
    with pytest.raises(stripe.StripeError) as caught:
        ask()
    assert not isinstance(caught.value, NotSent)


def its_time_is_over() -> None:
    StripeLine.objects.update(open_until=Now())
    breaker.forget()
    assert breaker.open_for() == 0


def is_held_back() -> None:
    with pytest.raises(NotSent):
        ask()


@pytest.mark.fault(8)
@pytest.mark.parametrize("kind", ["drop_request", "error_500"])
def test_it_opens_after_its_failures_and_closes_by_itself(line: Any, kind: str) -> None:
    fault(kind, times=3)
    for _ in range(3):
        fails()
    assert 0 < breaker.open_for() <= 30
    is_held_back()
    its_time_is_over()
    ask()
    assert StripeLine.objects.get().failures == []
    assert StripeLine.objects.get().open_until is None


def test_one_alone_tries_when_its_time_is_over_and_if_in_vain_it_stays_open(line: Any) -> None:
    fault("drop_request", times=4)
    for _ in range(3):
        fails()
    its_time_is_over()
    assert breaker.enter() == 0
    assert breaker.enter() > 0
    breaker.failed()
    assert breaker.open_for() > 0


def test_an_answer_in_between_shows_that_stripe_is_there(line: Any) -> None:
    for _ in range(3):
        fault("drop_request", times=2)
        fails()
        fails()
        ask()
    assert breaker.open_for() == 0


def test_another_process_sees_it_within_half_a_second(line: Any) -> None:
    fault("drop_request", times=3)
    for _ in range(3):
        fails()
    breaker.forget()  # as another process, which has seen nothing
    is_held_back()


def test_what_was_held_back_was_not_run(line: Any) -> None:
    fault("drop_request", times=3)
    for _ in range(3):
        fails()
    reply = gateway.find_void({"payment_intent": "pi_1"}, "", None)  # type: ignore[arg-type]
    assert reply.outcome is Outcome.NOT_RUN


@pytest.mark.fault(7)
def test_calls_beyond_the_limit_wait_for_the_next_second(settings: Any) -> None:
    settings.STRIPE_ROUTE_PER_SECOND = 2
    route = f"GET /v1/{time.time_ns()}"
    first = int(time.time())
    assert all(limits.wait_for_place(route) for _ in range(5))
    assert int(time.time()) - first >= 2


def test_when_no_second_has_a_place_the_call_is_not_made(settings: Any, monkeypatch: Any) -> None:
    settings.STRIPE_ROUTE_PER_SECOND = 1
    monkeypatch.setattr(limits, "PATIENCE_SECONDS", 0)
    route = f"GET /v1/{time.time_ns()}"
    taken = [limits.wait_for_place(route) for _ in range(4)]
    assert not all(taken)


@pytest.mark.fault(31)
def test_without_valkey_each_process_counts_its_own_calls(settings: Any, monkeypatch: Any) -> None:
    def gone(*_: Any, **__: Any) -> int:
        raise redis.ConnectionError("gone")

    settings.STRIPE_ROUTE_PER_SECOND = 2
    monkeypatch.setattr(limits, "count", gone)
    route = f"GET /v1/{time.time_ns()}"
    first = int(time.time())
    assert all(limits.wait_for_place(route) for _ in range(5))
    assert int(time.time()) - first >= 2


@pytest.mark.parametrize(
    ("url", "route"),
    [
        ("http://x/v1/payment_intents", "POST /v1/payment_intents"),
        ("http://x/v1/payment_intents/pi_1aB/capture", "POST /v1/payment_intents/:id/capture"),
        ("http://x/v1/transfers/tr_1/reversals?limit=1", "POST /v1/transfers/:id/reversals"),
    ],
)
def test_all_ids_of_an_endpoint_share_its_limit(url: str, route: str) -> None:
    assert limits.route_of("post", url) == route


def test_the_guard_sees_a_call_inside_a_transaction() -> None:
    broken = pytest.raises(stripe.APIConnectionError, match="inside a transaction")
    with transaction.atomic(), broken:
        gateway.client().v1.customers.list({"limit": 1})
    assert "test_the_guard_sees_a_call" in guard.found().read_text()
    guard.found().unlink()
