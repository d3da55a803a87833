"""Stripe is gone for a while: no new order is taken, what is owed waits, and nothing is lost."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from django.conf import settings as live

from payments import breaker
from payments.breaker import StripeLine
from payments.models import PaymentStatus
from sagas.cancel_order import cancel_order
from sagas.complete_order import complete_order
from sagas.models import ACTIVE, Run, RunStatus
from tests.api.conftest import Client, problem
from tests.conftest import Worker, eventually
from tests.makers import at_stripe, make_customer, make_restaurant, order_body
from tests.sagas.lunch import TOTAL, Lunch
from tests.sagas.placed import Placed

pytestmark = [pytest.mark.story, pytest.mark.fault(8, 37)]
FAULTS = f"{live.STRIPE_API_BASE}/_sandbox/faults"


@pytest.fixture
def worker_with_breaker(
    new_worker: Callable[..., Worker], books: None, settings: Any
) -> Iterator[None]:
    settings.STRIPE_BREAKER_FAILURES, settings.STRIPE_BREAKER_OPEN_SECONDS = 3, 3
    breaker.forget()
    new_worker(
        STRIPE_BREAKER_FAILURES="3",
        STRIPE_BREAKER_OPEN_SECONDS="3",
        AUTHORIZATION_GIVE_UP_SECONDS="3",
    )
    yield
    requests.delete(FAULTS, timeout=10).raise_for_status()
    StripeLine.objects.all().delete()
    breaker.forget()


def gone() -> None:
    """Every request to Stripe is cut off from now on."""
    body = {"kind": "drop_request", "times": None, "match": {"path": "/v1/*"}}
    requests.post(FAULTS, json=body, timeout=10).raise_for_status()


def back() -> None:
    requests.delete(FAULTS, timeout=10).raise_for_status()


def test_an_hour_without_stripe_loses_nothing(worker_with_breaker: None) -> None:
    delivered, unwanted, paying = Lunch(), Lunch(), make_customer()
    kitchen = make_restaurant()
    for one in (delivered, unwanted):
        assert one.rests().status == "CREATED"
    delivered.bring()
    gone()
    in_flight = Placed(paying, kitchen)
    completing = delivered.begin(complete_order)
    cancelling = unwanted.begin(cancel_order, by="customer", reason="changed my mind")
    eventually(lambda: breaker.open_for())

    # Nobody waits for an answer that will not come; and nobody loses their place.
    refused = Client(paying).order(order_body(kitchen))
    problem(refused, 503, "stripe_unavailable")
    assert 1 <= int(refused["Retry-After"]) <= 4
    assert delivered.status == "COMPLETING"
    assert unwanted.status == "CANCELLING"
    # The order that was being paid is called off; what its card may hold is watched.
    eventually(lambda: in_flight.order.status == "CANCELLED")

    back()
    for run in (completing, cancelling):
        eventually(lambda run=run: run_of(run.pk).status == RunStatus.COMPLETED, within=60)
    assert (delivered.status, unwanted.status) == ("COMPLETED", "CANCELLED")
    assert at_stripe(delivered.id)["captured"] == TOTAL
    eventually(lambda: sum(delivered.owed().values()) == 0)
    assert unwanted.held() == []
    eventually(lambda: in_flight.payment.status == PaymentStatus.RELEASED, within=60)
    assert in_flight.held() == []
    assert in_flight.intents() <= 1
    placed = Client(paying).order(order_body(kitchen))
    assert placed.status_code == 202
    orders = [delivered.id, unwanted.id, in_flight.id, placed.json()["order"]["id"]]
    eventually(lambda: all(over(order_id) for order_id in orders), within=60)


def run_of(run_id: Any) -> Run:
    return Run.objects.get(pk=run_id)


def over(order_id: Any) -> bool:
    return not Run.objects.filter(key__startswith=str(order_id), status__in=ACTIVE).exists()
