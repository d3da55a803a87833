"""Placing real orders through create_order, and looking at everything they touched."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
import requests
from django.conf import settings
from django.db import transaction

from campusg.ids import new_id
from events.models import OutboxEvent
from orders.models import Order, Restaurant
from payments.models import Operation, Payment
from sagas.books import violations
from sagas.create_order import create_order
from sagas.engine.starting import start
from sagas.models import ACTIVE, Run
from tests.conftest import Worker, eventually
from tests.makers import holds_of, make_customer, make_restaurant, requested
from users.models import User


class Placed:
    """One order on its way through create_order."""

    def __init__(self, customer: User, restaurant: Restaurant, **fault: Any) -> None:
        self.id = new_id()
        if fault:
            self.fault(**fault)
        with transaction.atomic():
            facts = requested(self.id, customer, restaurant)
            self.run_id = start(create_order, str(self.id), **facts).pk

    def fault(self, kind: str, *, path: str = "/v1/payment_intents", **more: Any) -> None:
        """Make the sandbox misbehave for this order alone."""
        body = {"kind": kind, "times": 1, "match": {"path": path}} | more
        body["match"]["metadata"] = {"order_id": str(self.id)}
        url = f"{settings.STRIPE_API_BASE}/_sandbox/faults"
        requests.post(url, json=body, timeout=10).raise_for_status()

    @property
    def run(self) -> Run:
        return Run.objects.get(pk=self.run_id)

    @property
    def order(self) -> Order:
        return Order.objects.get(pk=self.id)

    @property
    def payment(self) -> Payment:
        return Payment.objects.get(order_id=self.id)

    def rests(self, within: float = 30.0) -> "Placed":
        """Itself, once the engine has nothing more to do with the run."""
        eventually(lambda: self.run.status not in ACTIVE, within=within)
        return self

    def events(self) -> list[str]:
        rows = OutboxEvent.objects.filter(aggregateid=self.id).order_by("aggversion")
        return list(rows.values_list("type", flat=True))

    def held(self) -> list[int]:
        """What the sandbox holds for the order right now: one amount per standing hold."""
        holds = holds_of(self.id)
        return [one["amount"] for one in holds if one["status"] == "requires_capture"]

    def intents(self) -> int:
        """How many PaymentIntents were ever made for the order."""
        return len(holds_of(self.id))

    def operations(self) -> list[tuple[str, int, str]]:
        rows = Operation.objects.filter(order_id=self.id).order_by("sent_at")
        return [(one.kind, one.n, one.state) for one in rows]


def everything(order_id: UUID) -> list[Any]:
    """All that a message could have changed about an order, to be compared before and after."""
    return [
        list(Order.objects.filter(pk=order_id).values()),
        list(Operation.objects.filter(order_id=order_id).order_by("id").values()),
        list(OutboxEvent.objects.filter(aggregateid=order_id).order_by("aggversion").values()),
        list(Run.objects.filter(key=str(order_id)).values()),
        holds_of(order_id),
    ]


@pytest.fixture
def books(committed_db: None) -> Iterator[None]:
    """After the story no invariant has a row against it that it did not have before.

    Before: because tests of single parts commit halves, such as a hold without its order.
    """
    before = {one.invariant: one.count for one in violations()}
    yield
    assert [one for one in violations() if one.count > before.get(one.invariant, 0)] == []


@pytest.fixture
def place(worker: Worker, books: None) -> Callable[..., Placed]:
    """Place an order with a card that pays at a restaurant that is open, unless told otherwise."""

    def make(
        card: str = "pm_card_visa",
        *,
        customer: User | None = None,
        restaurant: Restaurant | None = None,
        **fault: Any,
    ) -> Placed:
        customer = customer or make_customer(card)
        return Placed(customer, restaurant or make_restaurant(), **fault)

    return make
