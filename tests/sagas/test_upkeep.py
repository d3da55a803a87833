"""What no run has set is set a little later: timers of holds that lapse, or stand too long."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from orders.models import Order
from payments.models import Payment
from sagas.models import Run
from sagas.upkeep import set_missing_timers
from scheduler.models import EventStatus, EventType, ScheduledEvent
from scheduler.services import cancel_event, fire_due, ignore_overdue
from tests.sagas.orders_at_rest import a_completed_order, a_completing_order, a_created_order

pytestmark = pytest.mark.django_db
EXPIRY, TIMEOUT = EventType.PAYMENT_AUTHORIZATION_EXPIRY, EventType.ESCROW_TIMEOUT


def lapses_in(order: Order, hours: float) -> None:
    Payment.objects.filter(order_id=order.id).update(capture_before=Now() + timedelta(hours=hours))


def timers(order: Order, event_type: EventType) -> list[str]:
    of_order = ScheduledEvent.objects.filter(entity_id=order.id, event_type=event_type)
    return list(of_order.values_list("status", flat=True))


def test_an_order_whose_hold_is_about_to_lapse_is_ended_once() -> None:
    order = a_created_order()
    lapses_in(order, 23)
    set_missing_timers()
    set_missing_timers()
    assert timers(order, EXPIRY) == [EventStatus.PENDING]
    fire_due()
    set_missing_timers()
    assert timers(order, EXPIRY) == [EventStatus.FIRED]
    run = Run.objects.get(saga="end_overdue", key=str(order.id))
    assert run.facts["reason"] == "The card's promise was about to lapse."


def test_a_hold_with_days_to_go_and_money_already_taken_are_left_alone() -> None:
    lasting, taken, ending = a_created_order(), a_completed_order(), a_completing_order()
    lapses_in(lasting, 25)
    lapses_in(taken, 1)
    lapses_in(ending, 1)
    set_missing_timers()
    assert [timers(order, EXPIRY) for order in (lasting, taken, ending)] == [[], [], []]


def test_money_set_aside_too_long_gets_its_timeout_though_no_run_has_set_it(settings) -> None:
    order = a_created_order()
    set_missing_timers()
    assert timers(order, TIMEOUT) == []
    settings.ESCROW_TIMEOUT_SECONDS = -1
    set_missing_timers()
    set_missing_timers()
    assert timers(order, TIMEOUT) == [EventStatus.PENDING]


def test_a_timeout_that_came_while_the_order_was_busy_comes_again(settings) -> None:
    order = a_created_order()
    settings.ESCROW_TIMEOUT_SECONDS = -1
    set_missing_timers()
    fire_due()
    ignore_overdue(order_id=order.id)
    set_missing_timers()
    assert sorted(timers(order, TIMEOUT)) == [EventStatus.IGNORED, EventStatus.PENDING]


def test_a_timeout_that_somebody_took_back_stays_so(settings) -> None:
    order = a_created_order()
    settings.ESCROW_TIMEOUT_SECONDS = -1
    set_missing_timers()
    cancel_event(event_id=ScheduledEvent.objects.get(entity_id=order.id, event_type=TIMEOUT).id)
    set_missing_timers()
    assert timers(order, TIMEOUT) == [EventStatus.CANCELLED]
