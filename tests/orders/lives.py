"""Orders some way along, and what was told of them."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction

from events.models import OutboxEvent
from orders import services as orders
from orders.models import Order
from orders.states import DELIVERING, OrderStatus
from tests.factories import a_person, an_order
from users.models import Role, User

S = OrderStatus


def an_order_at(status: OrderStatus, runner: User | None = None) -> Order:
    """An order that its runner, if it needs one, has brought as far as `status`."""
    order = an_order()
    orders.mark_created(order_id=order.id)
    walked = S.DELIVERED if status in (S.COMPLETING, S.COMPLETED) else status
    if walked in DELIVERING:
        ids = {"order_id": order.id, "runner_id": (runner or a_person(Role.RUNNER)).id}
        orders.assign(**ids)
        for step in DELIVERING[1 : DELIVERING.index(walked) + 1]:
            orders.advance(**ids, to=step)
    if status in (S.COMPLETING, S.COMPLETED):
        orders.begin_completing(order_id=order.id)
    if status is S.COMPLETED:
        orders.mark_completed(order_id=order.id, paid=True)
    if status is S.CANCELLING:
        orders.begin_cancelling(order_id=order.id, by="ops", reason="the stove broke")
    order.refresh_from_db()
    assert order.status == status
    return order


def told(order: Order) -> list[str]:
    """The types of the order's events, oldest first."""
    of_order = OutboxEvent.objects.filter(aggregateid=order.id).order_by("aggversion")
    return list(of_order.values_list("type", flat=True))


def last_told(order: Order) -> OutboxEvent:
    """The order's latest event."""
    return OutboxEvent.objects.filter(aggregateid=order.id).latest("aggversion")


@contextmanager
def refused(error: type[Exception], match: str | None = None) -> Iterator[None]:
    """In a savepoint, so that the test can look at what the refusal left."""
    with pytest.raises(error, match=match), transaction.atomic():
        yield
