"""Placing real orders through create_order, and looking at everything they touched."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from events.models import OutboxEvent
from orders.models import Order, Restaurant
from payments.models import Operation
from sagas.books import OF_THE_RELAY, violations
from sagas.models import Run
from tests.conftest import Worker
from tests.makers import holds_of, make_customer, make_restaurant
from tests.sagas.lunch import Lunch
from tests.sagas.placed import Placed
from users.models import User


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
    now = violations(but=OF_THE_RELAY)
    assert [one for one in now if one.count > before.get(one.invariant, 0)] == []


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


@pytest.fixture
def lunch(worker: Worker, books: None) -> Callable[..., Lunch]:
    """An order that is open to runners."""

    def make(card: str = "pm_card_visa") -> Lunch:
        ordered = Lunch(card)
        assert ordered.rests().status == "CREATED"
        return ordered

    return make
