"""Who is told: the people of the order as the event knew them, each once."""

import pytest
from django.db import IntegrityError, transaction

from campusg.consumers import notifications as consumer
from events.inbox import Outcome, handle
from notifications.models import Channel, Delivery, DeliveryState, Notification
from tests.factories import a_person, an_order
from tests.notifications.events import an_event
from users.models import Role

pytestmark = pytest.mark.django_db


def told(event):
    """Role and account of everybody who was told of it."""
    rows = Notification.objects.filter(event_id=event.id)
    return set(rows.values_list("role", "person_id"))


def test_each_party_is_told_in_words_of_their_own():
    order, runner = an_order(), a_person(Role.RUNNER)
    event = an_event("order.accepted", order.id, runner_id=runner.id)
    assert handle(consumer, [event]) == [Outcome.HANDLED]
    assert told(event) == {
        ("customer", order.customer_id),
        ("runner", runner.id),
        ("restaurant", order.restaurant.owner_id),
    }
    assert Notification.objects.filter(event_id=event.id).values("title").distinct().count() == 3
    assert handle(consumer, [event]) == [Outcome.DUPLICATE]
    assert Notification.objects.filter(event_id=event.id).count() == 3


def test_the_runner_of_the_event_s_time_is_told_not_the_one_of_today():
    order, earlier = an_order(), a_person(Role.RUNNER)
    event = an_event("order.cancelled", order.id, runner_id=earlier.id)
    handle(consumer, [event])
    assert ("runner", earlier.id) in told(event)
    nobody = an_event("order.cancelled", order.id, version=2, runner_id=None)
    handle(consumer, [nobody])
    assert {role for role, _ in told(nobody)} == {"customer", "restaurant"}


def test_every_operator_is_told_what_needs_a_person():
    before, gone = a_person(Role.OPS), a_person(Role.OPS)
    gone.is_active = False
    gone.save()
    event = an_event("payment.capture_failed", an_order().id)
    handle(consumer, [event])
    people = {person for _, person in told(event)}
    assert before.id in people
    assert gone.id not in people
    assert {role for role, _ in told(event)} == {"ops"}


def test_who_has_two_roles_is_told_once():
    order = an_order()
    order.customer.roles = [Role.CUSTOMER, Role.OPS]
    order.customer.save()
    event = an_event("order.completed_unpaid", order.id)
    handle(consumer, [event])
    assert ("customer", order.customer_id) in told(event)
    assert ("ops", order.customer_id) not in told(event)


def test_what_is_in_the_app_is_there_and_what_leaves_the_house_is_due():
    order = an_order()
    handle(consumer, [an_event("order.awaiting_payment", order.id)])
    order.customer.phone = "+6591234567"
    order.customer.save()
    handle(consumer, [an_event("order.awaiting_payment", order.id, version=2)])
    deliveries = Delivery.objects.filter(notification__order_id=order.id).order_by("id")
    ways = {
        (one.notification.event_id, one.channel, one.state, one.next_try_at is None)
        for one in deliveries
    }
    first, second = (one.notification.event_id for one in (deliveries[0], deliveries.last()))
    assert ways == {
        (first, Channel.IN_APP, DeliveryState.SENT, True),
        (first, Channel.EMAIL, DeliveryState.PENDING, False),
        (second, Channel.IN_APP, DeliveryState.SENT, True),
        (second, Channel.EMAIL, DeliveryState.PENDING, False),
        (second, Channel.SMS, DeliveryState.PENDING, False),
    }


def test_nobody_is_told_of_nothing():
    assert handle(consumer, [an_event("order.rated")]) == [Outcome.HANDLED]
    unknown = an_event("order.cancelled")
    handle(consumer, [unknown])
    order = an_order()
    nothing_earned = an_event("escrow.released", order.id, runner_due=0)
    handle(consumer, [nothing_earned])
    assert told(unknown) == set()
    assert {role for role, _ in told(nothing_earned)} == {"restaurant"}


def test_the_database_lets_nobody_be_told_twice_or_a_word_be_changed():
    event = an_event("order.created", an_order().id)
    handle(consumer, [event])
    row = Notification.objects.filter(event_id=event.id).first()
    with pytest.raises(IntegrityError, match="one_per_event_and_person"), transaction.atomic():
        Notification.objects.create(
            person=row.person, role=row.role, event_id=event.id, order_id=row.order_id,
            type=row.type, title="again", body="again",
        )  # fmt: skip
    with pytest.raises(IntegrityError, match="forbidden"), transaction.atomic():
        Notification.objects.filter(pk=row.pk).update(body="other words")
