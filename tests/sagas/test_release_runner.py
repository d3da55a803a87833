"""Release runner: the order is open again and has its timer, or nothing has changed."""

from collections.abc import Callable

import pytest

from orders import errors
from orders.models import Order
from orders.states import OrderStatus
from sagas.models import RunStatus
from tests.makers import make_runner
from tests.sagas.lunch import Lunch

pytestmark = pytest.mark.story
Ordered = Callable[..., Lunch]


def test_an_order_whose_runner_backs_out_is_open_and_timed_at_once(lunch: Ordered) -> None:
    order = lunch().bring(OrderStatus.ACCEPTED)
    run = order.release()
    assert order.status == OrderStatus.CREATED
    assert Order.objects.get(pk=order.id).runner_id is None
    assert order.timers()["ORDER_TIMEOUT"] == "PENDING"
    assert order.ends(run).status == RunStatus.COMPLETED
    assert order.events()[-1] == "order.released"


def test_the_next_runner_may_have_it(lunch: Ordered) -> None:
    order = lunch().bring(OrderStatus.ACCEPTED)
    order.ends(order.release())
    order.runner = make_runner()
    order.accept()
    assert order.status == OrderStatus.ACCEPTED


def test_a_runner_can_t_back_out_once_the_kitchen_works(lunch: Ordered) -> None:
    order = lunch().bring(OrderStatus.PLACED)
    with pytest.raises(errors.OrderMoved):
        order.release()
    assert order.status == OrderStatus.PLACED


def test_nobody_releases_another_s_delivery(lunch: Ordered) -> None:
    order = lunch().bring(OrderStatus.ACCEPTED)
    order.runner = make_runner()
    with pytest.raises(errors.UnknownOrder):
        order.release()
    assert order.status == OrderStatus.ACCEPTED
