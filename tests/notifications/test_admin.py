"""Operators try again by hand what did not reach somebody."""

from django.test import Client

from campusg.consumers import notifications as consumer
from events.inbox import handle
from notifications.models import Delivery, DeliveryState
from tests.admin import listed
from tests.notifications.events import an_event
from tests.sagas.orders_at_rest import a_created_order


def test_what_did_not_reach_somebody_is_tried_again_by_hand(ops: Client) -> None:
    handle(consumer, [an_event("order.created", a_created_order().id)])
    dead = Delivery.objects.get(notification__role="customer", channel="email")
    sent = Delivery.objects.get(notification__role="customer", channel="in_app")
    Delivery.objects.filter(pk=dead.pk).update(state=DeliveryState.DEAD, next_try_at=None)
    body = {"action": "try_again", "_selected_action": [dead.pk, sent.pk]}
    page = ops.post(listed(Delivery), body, follow=True).content.decode()
    assert "1 tried again now." in page
    assert "It has been sent, or is tried again by itself." in page
    dead.refresh_from_db()
    assert (dead.state, dead.next_try_at is None) == (DeliveryState.PENDING, False)
