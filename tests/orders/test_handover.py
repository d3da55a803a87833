"""The PIN: the customer's alone, five guesses and no more, an operator may vouch instead."""

from functools import partial

import pytest
from django.db import transaction

from campusg.ids import new_id
from orders.errors import PinLocked, UnknownOrder, WrongPin
from orders.handover import TRIES_MAX
from orders.models import HandOver
from orders.services import check_pin, override_pin, pin_of
from orders.states import OrderStatus
from tests.factories import a_person, an_order
from tests.orders.lives import an_order_at, last_told
from tests.threads import at_once, raised
from users.models import Role


def right(order):
    return pin_of(order_id=order.id, customer_id=order.customer_id)


def wrong(order):
    return f"{(int(right(order)) + 1) % 10**6:06}"


@pytest.mark.django_db
def test_the_pin_is_six_digits_the_orders_own_and_the_keys(settings):
    order, other = an_order(), an_order()
    assert right(order) == right(order) != right(other)
    assert right(order).isdigit()
    assert len(right(order)) == 6
    before = right(order)
    settings.HANDOVER_PIN_KEY = "another key, and every PIN is another"
    assert right(order) != before


@pytest.mark.django_db
def test_nobody_but_the_customer_is_told_the_pin():
    order = an_order_at(OrderStatus.DELIVERED)
    for somebody in (order.runner_id, order.restaurant.owner_id, new_id()):
        with pytest.raises(UnknownOrder):
            pin_of(order_id=order.id, customer_id=somebody)


@pytest.mark.django_db
def test_who_knows_the_pin_may_try_as_often_as_they_like():
    order = an_order_at(OrderStatus.DELIVERED)
    for _ in range(TRIES_MAX + 1):
        check_pin(order_id=order.id, pin=right(order))
    for _ in range(TRIES_MAX - 1):
        with pytest.raises(WrongPin):
            check_pin(order_id=order.id, pin=wrong(order))
    check_pin(order_id=order.id, pin=right(order))


@pytest.mark.django_db
def test_after_five_wrong_pins_not_even_the_right_one_helps_until_an_operator_does():
    order, operator = an_order_at(OrderStatus.DELIVERED), a_person(Role.OPS)
    for left in reversed(range(TRIES_MAX)):
        with pytest.raises(WrongPin, match=f"tries left: {left}"):
            check_pin(order_id=order.id, pin=wrong(order))
    with pytest.raises(PinLocked):
        check_pin(order_id=order.id, pin=right(order))
    override_pin(order_id=order.id, by_user_id=operator.id, reason="Seen on the camera.")
    event = last_told(order)
    assert event.type == "order.pin_overridden"
    assert event.payload["by_user_id"] == str(operator.id)
    assert "reason" not in event.payload, "what people type may name people"
    row = HandOver.objects.get(order=order)
    assert (row.overridden_by, row.override_reason) == (operator, "Seen on the camera.")
    check_pin(order_id=order.id, pin=right(order))


@pytest.mark.race
def test_a_try_counts_even_if_the_request_is_rolled_back(committed_db):
    order = an_order_at(OrderStatus.DELIVERED)
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        check_pin(order_id=order.id, pin=wrong(order))
    assert not HandOver.objects.filter(order=order).exists()
    with pytest.raises(WrongPin):
        check_pin(order_id=order.id, pin=wrong(order))
    assert HandOver.objects.get(order=order).tries == 1


@pytest.mark.race
def test_a_crowd_of_guesses_at_once_is_five_guesses(committed_db):
    order = an_order_at(OrderStatus.DELIVERED)
    results = at_once([partial(check_pin, order_id=order.id, pin=wrong(order))] * 12)
    assert (raised(results, WrongPin), raised(results, PinLocked)) == (5, 7)
