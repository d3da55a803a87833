"""A hold that is about to lapse ends its order while there is still money to settle with."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from orders.models import Order
from payments.models import Payment
from sagas.models import Run
from sagas.upkeep import set_missing_timers
from scheduler.models import EventStatus, EventType, ScheduledEvent
from scheduler.services import fire_due
from tests.sagas.orders_at_rest import a_completed_order, a_created_order

pytestmark = pytest.mark.django_db


def lapses_in(order: Order, hours: float) -> None:
    Payment.objects.filter(order_id=order.id).update(capture_before=Now() + timedelta(hours=hours))


def expiries(order: Order) -> list[str]:
    of_order = ScheduledEvent.objects.filter(
        entity_id=order.id, event_type=EventType.PAYMENT_AUTHORIZATION_EXPIRY
    )
    return list(of_order.values_list("status", flat=True))


def test_an_order_whose_hold_is_about_to_lapse_is_ended_once() -> None:
    order = a_created_order()
    lapses_in(order, 23)
    set_missing_timers()
    set_missing_timers()
    assert expiries(order) == [EventStatus.PENDING]
    fire_due()
    set_missing_timers()
    assert expiries(order) == [EventStatus.FIRED]
    run = Run.objects.get(saga="cancel_order", key=str(order.id))
    assert run.facts["by"] == "expiry"


def test_a_hold_with_days_to_go_and_money_already_taken_are_left_alone() -> None:
    lasting, taken = a_created_order(), a_completed_order()
    lapses_in(lasting, 25)
    lapses_in(taken, 1)
    set_missing_timers()
    assert expiries(lasting) == expiries(taken) == []
