"""Where an order has to stand for its money to be moved by hand."""

import pytest

from campusg.ids import new_id
from orders.by_hand import TABLE
from orders.errors import OrderMoved, UnknownOrder
from orders.services import money_by_hand
from orders.states import OrderStatus
from tests.orders.lives import an_order_at, refused

pytestmark = pytest.mark.django_db
S = OrderStatus


@pytest.mark.parametrize("status", [S.CREATED, S.ACCEPTED, S.DELIVERED, S.COMPLETING,
                                    S.COMPLETED, S.CANCELLING])  # fmt: skip
def test_each_move_is_made_where_the_table_says_and_nowhere_else(status):
    order = an_order_at(status)
    for move, allowed in TABLE.items():
        if status in allowed:
            money = money_by_hand(order_id=order.id, move=move)
            assert (money["total"], money["runner_id"]) == (order.total, order.runner_id)
        else:
            with refused(OrderMoved, match=status):
                money_by_hand(order_id=order.id, move=move)


def test_no_money_is_both_taken_and_let_go():
    taken = {*TABLE["capture_payment"], *TABLE["release_escrow"]}
    let_go = {*TABLE["release_payment"], *TABLE["cancel_escrow"]}
    assert taken.isdisjoint(let_go)
    assert S.COMPLETED not in taken | let_go


def test_an_order_that_is_not_there_has_no_money():
    with refused(UnknownOrder):
        money_by_hand(order_id=new_id(), move="capture_payment")
