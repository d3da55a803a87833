"""Each party of a completed order rates the other, once."""

import pytest
from django.db import IntegrityError

from orders.errors import AlreadyRated, NotRatable, UnknownOrder
from orders.models import Order, Rating
from orders.selectors import rating_of
from orders.services import mark_completed, rate
from orders.states import OrderStatus
from tests.orders.lives import an_order_at, last_told, refused

pytestmark = pytest.mark.django_db


def test_the_parties_rate_each_other():
    order = an_order_at(OrderStatus.COMPLETED)
    rate(order_id=order.id, by_user_id=order.customer_id, stars=5)
    rate(order_id=order.id, by_user_id=order.runner_id, stars=1)
    stars = dict(Rating.objects.filter(order=order).values_list("about_id", "stars"))
    assert stars == {order.runner_id: 5, order.customer_id: 1}
    assert last_told(order).type == "order.rated"


def test_what_others_think_of_somebody_is_an_average():
    one, other = an_order_at(OrderStatus.COMPLETED), an_order_at(OrderStatus.COMPLETED)
    runner = one.runner
    assert rating_of(runner) == {"stars": None, "ratings": 0}
    Order.objects.filter(pk=other.pk).update(runner=runner)
    rate(order_id=one.id, by_user_id=one.customer_id, stars=5)
    rate(order_id=other.id, by_user_id=other.customer_id, stars=2)
    assert rating_of(runner) == {"stars": 3.5, "ratings": 2}
    assert rating_of(one.customer)["ratings"] == 0


def test_an_opinion_is_given_once():
    order = an_order_at(OrderStatus.COMPLETED)
    rate(order_id=order.id, by_user_id=order.customer_id, stars=5)
    with refused(AlreadyRated):
        rate(order_id=order.id, by_user_id=order.customer_id, stars=1)
    with pytest.raises(IntegrityError, match="forbidden"):
        Rating.objects.filter(order=order).update(stars=1)


def test_an_order_nobody_paid_was_delivered_all_the_same():
    order = an_order_at(OrderStatus.COMPLETING)
    mark_completed(order_id=order.id, paid=False)
    rate(order_id=order.id, by_user_id=order.runner_id, stars=2)


@pytest.mark.parametrize("status", [OrderStatus.CREATED, OrderStatus.DELIVERED])
def test_nothing_is_rated_before_its_end(status):
    order = an_order_at(status)
    with refused(NotRatable, f"is {status}"):
        rate(order_id=order.id, by_user_id=order.customer_id, stars=5)


def test_others_have_no_say():
    order = an_order_at(OrderStatus.COMPLETED)
    with refused(UnknownOrder):
        rate(order_id=order.id, by_user_id=order.restaurant.owner_id, stars=5)


@pytest.mark.parametrize("stars", [0, 6])
def test_there_are_one_to_five_stars(stars):
    order = an_order_at(OrderStatus.COMPLETED)
    with pytest.raises(IntegrityError, match="orders_stars"):
        rate(order_id=order.id, by_user_id=order.customer_id, stars=stars)
