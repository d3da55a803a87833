"""What others may ask about orders: which are open, which are over, and whom each is about."""

from typing import get_args

import pytest

from campusg.ids import new_id
from orders.cancelling import WHO
from orders.errors import OrderMoved, UnknownOrder, UnknownPayer, UnknownRestaurant
from orders.models import Order
from orders.services import (
    PAYERS,
    Parties,
    Payer,
    Who,
    claim_of,
    mark_completed,
    mark_paid,
    money_by_hand,
    not_over,
    note_overdue,
    owner_of,
    parties_of,
    still_open,
    waiting_for_a_runner,
)
from orders.states import OrderStatus
from tests.factories import an_order
from tests.orders.lives import an_order_at, last_told, refused, told

pytestmark = pytest.mark.django_db
S = OrderStatus
MONEY = {"food_fee": 1250, "delivery_fee": 399, "platform_fee": 123, "total": 1772}


def test_each_who_and_payer_of_the_types_is_in_the_lists() -> None:
    assert get_args(Who) == WHO == ("customer", "runner", "ops", "timeout", "expiry")
    assert get_args(Payer) == PAYERS == ("card", "platform")


@pytest.mark.parametrize("status", [S.CREATED, S.ACCEPTED, S.PLACED, S.ON_THE_WAY, S.DELIVERED])
def test_an_open_order_whose_time_is_up_is_told_of_and_stays(status: OrderStatus) -> None:
    an_order_at(S.CREATED), an_order_at(S.DELIVERED)
    order = an_order_at(status)
    assert note_overdue(order_id=order.id, reason="held for a day") == status
    event = last_told(order)
    assert event.type == "order.overdue"
    assert event.payload["reason"] == "held for a day"
    assert Order.objects.get(id=order.id).status == status


@pytest.mark.parametrize("status", [S.COMPLETING, S.CANCELLING, S.COMPLETED])
def test_an_order_that_ends_or_is_over_is_not_overdue(status: OrderStatus) -> None:
    order = an_order_at(status)
    with refused(OrderMoved):
        note_overdue(order_id=order.id, reason="late")
    with refused(UnknownOrder):
        note_overdue(order_id=new_id(), reason="late")
    assert "order.overdue" not in told(order)


def test_open_orders_are_found_in_the_order_they_were_asked_for() -> None:
    first, ending, second, over = map(
        an_order_at, (S.CREATED, S.COMPLETING, S.DELIVERED, S.COMPLETED)
    )
    pending = an_order()
    asked = [second.id, over.id, pending.id, ending.id, first.id, new_id()]
    assert still_open(asked) == [second.id, first.id]
    assert still_open([]) == []
    assert set(not_over(asked)) == {second.id, pending.id, ending.id, first.id}


def test_whom_an_order_is_about() -> None:
    placed, carried = an_order(), an_order_at(S.PLACED)
    owners = {one: one.restaurant.owner_id for one in (placed, carried)}
    assert parties_of(order_ids=[placed.id, carried.id, new_id()]) == {
        placed.id: Parties(placed.customer_id, owners[placed], None),
        carried.id: Parties(carried.customer_id, owners[carried], carried.runner_id),
    }
    assert owner_of(restaurant_id=placed.restaurant_id) == owners[placed]
    with refused(UnknownRestaurant):
        owner_of(restaurant_id=new_id())


def test_orders_without_a_runner_wait_the_oldest_first() -> None:
    first, second = an_order_at(S.CREATED), an_order_at(S.CREATED)
    an_order_at(S.ACCEPTED)
    an_order()
    ours = [one for one in waiting_for_a_runner() if one in (first.id, second.id)]
    assert ours == [first.id, second.id]


def unpaid() -> Order:
    order = an_order_at(S.COMPLETING)
    mark_completed(order_id=order.id, paid=False)
    return order


@pytest.mark.parametrize("paid_by", PAYERS)
def test_what_was_not_paid_for_is_claimed_until_it_is(paid_by: str) -> None:
    order = unpaid()
    assert claim_of(order_id=order.id, paid_by=paid_by) == MONEY | {
        "currency": "USD",
        "customer_id": order.customer_id,
        "restaurant_id": order.restaurant_id,
        "runner_id": order.runner_id,
    }
    for _ in range(2):
        mark_paid(order_id=order.id)
    assert Order.objects.get(id=order.id).status == S.COMPLETED
    assert told(order)[-2:] == ["order.completed_unpaid", "order.completed"]
    with refused(OrderMoved, "COMPLETED; nothing is owed"):
        claim_of(order_id=order.id, paid_by=paid_by)


def test_only_card_or_platform_settle_and_only_what_is_owed() -> None:
    order = an_order_at(S.DELIVERED)
    with refused(UnknownPayer, "card or platform"):
        claim_of(order_id=order.id, paid_by="grandma")
    with refused(UnknownOrder):
        claim_of(order_id=new_id(), paid_by="card")
    with refused(OrderMoved):
        mark_paid(order_id=order.id)


def test_money_moved_by_hand_is_the_order_s() -> None:
    order = an_order_at(S.DELIVERED)
    assert money_by_hand(order_id=order.id, move="capture_payment") == MONEY | {
        "currency": "USD",
        "customer_id": order.customer_id,
        "restaurant_id": order.restaurant_id,
        "runner_id": order.runner_id,
    }
