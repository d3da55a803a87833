"""The database goes, or takes no writes: nothing is half done, and nobody has called Stripe."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection

from campusg.points import Point
from orders.states import OrderStatus
from sagas.models import Run
from tests.conftest import eventually
from tests.makers import make_customer, make_restaurant
from tests.sagas.conftest import At
from tests.sagas.lunch import TOTAL
from tests.sagas.messages import carry, to_its_end
from tests.sagas.placed import Placed

pytestmark = pytest.mark.story


def every_session_but_this_is_ended() -> None:
    """As by a restart: PostgreSQL ends them all, whatever they are doing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def no_writes(yes: bool) -> None:
    """As on a full disk, or on a server that has become a standby."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET default_transaction_read_only = {'on' if yes else 'off'}")


@pytest.mark.fault(33)
def test_orders_whose_database_goes_amid_their_steps_are_there_or_are_not(
    place: Callable[..., Placed],
) -> None:
    orders = [place(kind="latency", seconds=0.4) for _ in range(4)]
    for at in (2, 3, 4):
        eventually(lambda at=at: orders[0].run.position >= at, every=0.005)
        every_session_but_this_is_ended()
    for order in orders:
        assert order.rests().order.status == OrderStatus.CREATED
        assert order.held() == [TOTAL]
        assert order.events().count("order.created") == 1


@pytest.mark.fault(34)
@pytest.mark.usefixtures("no_worker", "books")
def test_while_nothing_can_be_written_stripe_is_not_asked(settings: Any) -> None:
    settings.SAGA_FAST_PATH = "off"
    placed = Placed(make_customer(), make_restaurant())
    no_writes(True)
    try:
        with pytest.raises(DatabaseError):
            carry(placed.run_id)
        assert placed.intents() == 0
    finally:
        no_writes(False)
    to_its_end(placed.run_id)
    assert placed.order.status == OrderStatus.CREATED
    assert placed.held() == [TOTAL]


@pytest.mark.fault(34)
@pytest.mark.usefixtures("no_worker", "books")
def test_an_answer_that_cannot_be_written_is_asked_for_again_under_its_key(
    at: At, settings: Any
) -> None:
    settings.SAGA_FAST_PATH = "off"
    placed = Placed(make_customer(), make_restaurant())
    at(Point.CALLED, placed.run_id, lambda: no_writes(True))
    try:
        with pytest.raises(DatabaseError):
            carry(placed.run_id)
    finally:
        no_writes(False)
    Run.objects.filter(pk=placed.run_id).update(lease_until=None)
    to_its_end(placed.run_id)
    assert placed.order.status == OrderStatus.CREATED
    assert (placed.held(), placed.intents()) == ([TOTAL], 1)
