"""One table of edges: the code follows it, and so does the database, edge by edge."""

import pgtrigger
import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from campusg.ids import new_id
from orders.models import Order
from orders.states import EDGES, UNPAID, WITH_RUNNER, OrderStatus, sources, timestamp_of
from tests.factories import a_customer, a_person, an_order
from users.models import Role


def put(order, status, runner):
    """Move the order by SQL alone, past every rule of the code."""
    Order.objects.filter(id=order.id).update(
        status=status,
        runner=runner if status in WITH_RUNNER else None,
        **{timestamp_of(status): Now()},
    )


def walks(order, target, runner):
    """Whether the database lets the order go there; it is put back afterwards."""
    try:
        with transaction.atomic():
            put(order, target, runner)
            transaction.set_rollback(True)
    except IntegrityError:
        return False
    return True


def test_every_status_has_its_place_in_the_table():
    assert set(EDGES) == set(OrderStatus)
    assert {status for status, after in EDGES.items() if not after} == {
        OrderStatus.COMPLETED,
        OrderStatus.CANCELLED,
    }


def test_every_status_can_be_reached():
    reached, edge = set(), {OrderStatus.PENDING}
    while edge:
        reached |= edge
        edge = {after for status in edge for after in EDGES[status]} - reached
    assert reached == set(OrderStatus)


def test_a_payment_settles_an_unpaid_order_one_way_or_the_other():
    assert sources(OrderStatus.CREATED, among=UNPAID) == UNPAID
    assert sources(OrderStatus.CANCELLED, among=UNPAID) == UNPAID
    assert sources(OrderStatus.AWAITING_PAYMENT, among=UNPAID) == (OrderStatus.PENDING,)


@pytest.mark.django_db
def test_the_database_walks_the_tables_edges_and_no_other():
    order, runner = an_order(), a_person(Role.RUNNER)
    walked = set()
    for source in OrderStatus:
        with pgtrigger.ignore("orders.Order:allowed_edges"):
            put(order, source, runner)
        walked |= {(source, target) for target in OrderStatus if walks(order, target, runner)}
    stayed = {(status, status) for status in OrderStatus}
    assert walked - stayed == {(a, b) for a, after in EDGES.items() for b in after}


@pytest.mark.django_db
def test_no_order_is_born_half_way():
    dish = an_order().items.get().menu_item
    with pytest.raises(IntegrityError, match="starts as PENDING, not as CREATED"):
        Order.objects.create(
            id=new_id(),
            customer=a_customer(),
            restaurant=dish.restaurant,
            status=OrderStatus.CREATED,
            created_at=Now(),
            delivery_location="Dorm 4",
            currency="USD",
            food_fee=1,
            delivery_fee=0,
            platform_fee=0,
            total=1,
        )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"total": 1}, "orders_shares_add_up|forbidden"),
        ({"food_fee": 1, "delivery_fee": 1, "platform_fee": 1, "total": 3}, "forbidden"),
        ({"currency": "EUR"}, "forbidden"),
        ({"delivery_location": "elsewhere"}, "forbidden"),
        ({"status": "LOST"}, "no edge from PENDING to LOST"),
        ({"status": OrderStatus.CREATED}, "orders_status_has_its_time"),
    ],
)
def test_what_was_agreed_does_not_change_behind_the_services(change, rule):
    order = an_order()
    with pytest.raises(IntegrityError, match=rule):
        Order.objects.filter(id=order.id).update(**change)


@pytest.mark.django_db
def test_an_order_without_delivery_has_no_runner_and_one_under_way_has():
    order, runner = an_order(), a_person(Role.RUNNER)
    with pytest.raises(IntegrityError, match="orders_runner_where_needed"), transaction.atomic():
        Order.objects.filter(id=order.id).update(runner=runner)
    put(order, OrderStatus.CREATED, None)
    with pytest.raises(IntegrityError, match="orders_runner_where_needed"):
        Order.objects.filter(id=order.id).update(status=OrderStatus.ACCEPTED, accepted_at=Now())


@pytest.mark.django_db
def test_the_lines_of_an_order_stay_as_they_were():
    line = an_order().items
    with pytest.raises(IntegrityError, match="forbidden"):
        line.update(quantity=2)
