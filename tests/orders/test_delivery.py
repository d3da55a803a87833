"""One runner takes an order, brings it step by step, or gives it back while that harms nobody."""

import os
from functools import partial
from itertools import pairwise

import pytest
from django.db import IntegrityError

from campusg.ids import new_id
from orders.errors import NotADeliveryStep, OrderMoved, OrderTaken, OwnOrder, UnknownOrder
from orders.models import Order
from orders.services import advance, assign, cancel, release_runner, unassign
from orders.states import DELIVERING, OrderStatus
from tests.factories import a_person, an_order
from tests.orders.lives import an_order_at, last_told, refused, told
from tests.threads import at_once, raised
from users.models import Role

CREATED = ["order.pending_payment", "order.created"]
ROUNDS = int(os.environ.get("RACE_ROUNDS", "20"))


@pytest.mark.django_db
def test_the_first_runner_who_asks_has_the_order(django_assert_num_queries):
    order, runner = an_order_at(OrderStatus.CREATED), a_person(Role.RUNNER)
    with django_assert_num_queries(3):
        assert assign(order_id=order.id, runner_id=runner.id) == {"assigned_runner_id": runner.id}
    order.refresh_from_db()
    assert (order.status, order.runner_id) == ("ACCEPTED", runner.id)
    assert order.accepted_at > order.created_at
    assert told(order) == [*CREATED, "order.accepted"]
    assert last_told(order).payload["runner_id"] == str(runner.id)


@pytest.mark.django_db
def test_asking_again_for_ones_own_order_is_no_second_acceptance():
    order, runner = an_order_at(OrderStatus.CREATED), a_person(Role.RUNNER)
    ids = {"order_id": order.id, "runner_id": runner.id}
    assert assign(**ids) == assign(**ids)
    assert told(order) == [*CREATED, "order.accepted"]


@pytest.mark.django_db
def test_the_second_runner_comes_too_late_and_changes_nothing():
    order = an_order_at(OrderStatus.ACCEPTED)
    with refused(OrderTaken):
        assign(order_id=order.id, runner_id=a_person(Role.RUNNER).id)
    assert Order.objects.get(id=order.id).runner_id == order.runner_id


@pytest.mark.django_db
def test_nobody_takes_what_is_not_open_or_not_there():
    unpaid, runner = an_order(), a_person(Role.RUNNER)
    with refused(OrderMoved, "is PENDING"):
        assign(order_id=unpaid.id, runner_id=runner.id)
    cancel(order_id=unpaid.id, reason="No.")
    with refused(OrderMoved, "is CANCELLED"):
        assign(order_id=unpaid.id, runner_id=runner.id)
    with refused(UnknownOrder):
        assign(order_id=new_id(), runner_id=runner.id)


@pytest.mark.django_db
def test_customers_do_not_deliver_to_themselves_not_even_by_sql():
    order = an_order_at(OrderStatus.CREATED)
    with refused(OwnOrder):
        assign(order_id=order.id, runner_id=order.customer_id)
    accepted = an_order_at(OrderStatus.ACCEPTED)
    with pytest.raises(IntegrityError, match="orders_runner_is_another"):
        Order.objects.filter(id=accepted.id).update(runner=accepted.customer_id)


@pytest.mark.django_db
def test_an_assignment_is_undone_only_for_the_runner_who_has_it():
    order = an_order_at(OrderStatus.ACCEPTED)
    unassign(order_id=order.id, runner_id=a_person(Role.RUNNER).id)
    assert Order.objects.get(id=order.id).status == "ACCEPTED"
    for _ in range(2):
        unassign(order_id=order.id, runner_id=order.runner_id)
    undone = Order.objects.get(id=order.id)
    assert (undone.status, undone.runner_id, undone.accepted_at) == ("CREATED", None, None)
    assert undone.created_at == order.created_at
    assert told(order) == [*CREATED, "order.accepted", "order.released"]
    assert last_told(order).payload["released_runner_id"] == str(order.runner_id)


@pytest.mark.django_db
def test_a_runner_backs_out_and_another_takes_over():
    order, other = an_order_at(OrderStatus.ACCEPTED), a_person(Role.RUNNER)
    release_runner(order_id=order.id, runner_id=order.runner_id)
    assign(order_id=order.id, runner_id=other.id)
    with refused(UnknownOrder):
        release_runner(order_id=order.id, runner_id=order.runner_id)


@pytest.mark.django_db
def test_nobody_backs_out_once_the_kitchen_is_at_work():
    order = an_order_at(OrderStatus.PLACED)
    with refused(OrderMoved, "is PLACED"):
        release_runner(order_id=order.id, runner_id=order.runner_id)
    unassign(order_id=order.id, runner_id=order.runner_id)
    assert Order.objects.get(id=order.id).status == "PLACED"


@pytest.mark.django_db
def test_an_order_is_brought_step_by_step_and_each_is_told_once():
    order = an_order_at(OrderStatus.ACCEPTED)
    for step in DELIVERING[1:]:
        for _ in range(2):
            advance(order_id=order.id, runner_id=order.runner_id, to=step)
    order.refresh_from_db()
    assert order.status == "DELIVERED"
    assert order.accepted_at < order.placed_at < order.on_the_way_at < order.delivered_at
    assert told(order) == [*CREATED, "order.accepted", *["order.status_updated"] * 3]


@pytest.mark.django_db
@pytest.mark.parametrize("source", DELIVERING)
@pytest.mark.parametrize("target", OrderStatus)
def test_no_step_is_skipped_taken_back_or_invented(source, target):
    order = an_order_at(source)
    ids = {"order_id": order.id, "runner_id": order.runner_id}
    following = dict(pairwise(DELIVERING)).get(source)
    if target not in DELIVERING[1:]:
        with refused(NotADeliveryStep):
            advance(**ids, to=target)
    elif target not in (source, following):
        with refused(OrderMoved):
            advance(**ids, to=target)
    else:
        advance(**ids, to=target)
        source = target
    assert Order.objects.get(id=order.id).status == source


@pytest.mark.django_db
def test_another_runner_does_not_even_see_the_order():
    order = an_order_at(OrderStatus.ACCEPTED)
    with refused(UnknownOrder):
        advance(order_id=order.id, runner_id=a_person(Role.RUNNER).id, to=OrderStatus.PLACED)
    with refused(UnknownOrder):
        release_runner(order_id=order.id, runner_id=order.customer_id)


@pytest.mark.race
def test_of_many_runners_at_once_one_has_the_order(committed_db):
    runners = [a_person(Role.RUNNER).id for _ in range(8)]
    for _ in range(ROUNDS):
        order = an_order_at(OrderStatus.CREATED)
        take = partial(assign, order_id=order.id)
        results = at_once([partial(take, runner_id=runner) for runner in runners])
        winner = Order.objects.get(id=order.id).runner_id
        assert results[runners.index(winner)] == {"assigned_runner_id": winner}
        assert raised(results, OrderTaken) == len(runners) - 1
        assert told(order) == [*CREATED, "order.accepted"]


@pytest.mark.race
def test_backing_out_and_going_on_at_once_is_one_of_the_two(committed_db):
    for _ in range(ROUNDS):
        order = an_order_at(OrderStatus.ACCEPTED)
        ids = {"order_id": order.id, "runner_id": order.runner_id}
        left, placed = at_once(
            [partial(release_runner, **ids), partial(advance, **ids, to=OrderStatus.PLACED)]
        )
        status = Order.objects.get(id=order.id).status
        if status == "PLACED":
            assert (type(left), placed) == (OrderMoved, None)
        else:
            assert (left, type(placed), status) == (None, UnknownOrder, "CREATED")
