"""Placing real orders through create_order, and looking at everything they touched."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from campusg.ids import new_id
from campusg.points import Point, listen
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

#: The first to reach this point (of this run, or of any) stands still there while a deed is done.
At = Callable[[Point, UUID | None, Callable[[], object]], None]


@pytest.fixture
def at() -> Iterator[At]:
    """Let somebody do something at a point of somebody else's."""

    def once(point: Point, run_id: UUID | None, meanwhile: Callable[[], object]) -> None:
        def hear(reached: Point, of: UUID) -> None:
            if reached == point and run_id in (None, of):
                listen(None)
                meanwhile()

        listen(hear)

    yield once
    listen(None)


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
def books(committed_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[set[UUID]]:
    """After the story no invariant has a row against it that the story has brought about, but for
    rows that name an id which the story has put into this set.

    Tests of single parts commit halves, such as an order without its timer, and some of those only
    break an invariant when they have stood for minutes: in the midst of another test's story.
    """
    monkeypatch.setattr("sagas.books.ROWS_SHOWN", 1_000_000)
    before = {one.invariant: one.rows for one in violations()}
    began, began_at = new_id(), timezone.now()
    excused: set[UUID] = set()
    yield excused
    assert [
        (one.invariant.name, row)
        for one in violations(but=OF_THE_RELAY)
        for row in one.rows
        if row not in before.get(one.invariant, []) and is_since(began, began_at, row)
        if not excused.intersection(value for value in row.values() if isinstance(value, UUID))
    ] == []


def is_since(began: UUID, began_at: datetime, row: dict[str, Any]) -> bool:
    """Whether a row is about something younger, as its ids (UUIDv7) or else its times tell, or may
    be."""
    ids = [value for value in row.values() if isinstance(value, UUID)]
    times = [value for value in row.values() if isinstance(value, datetime)]
    return max(ids) > began if ids else not times or max(times) > began_at


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
