"""Accept order: the first runner who asks has it; every other is refused at once.

All steps are done in the request's transaction, so the loser of a race changes nothing.
"""

from typing import TypedDict
from uuid import UUID

from sagas.engine import Saga, step
from sagas.participants import orders, scheduler, users


class OrderAccepted(TypedDict):
    """Which runner wants which order."""

    order_id: UUID
    runner_id: UUID


accept_order = Saga(
    "accept_order",
    step(users.get_runner),
    step(orders.assign, compensate=orders.unassign, emits="order.accepted"),
    step(scheduler.stop_order_timeout, compensate=scheduler.start_order_timeout),
    step(scheduler.start_delivery_reminder, compensate=scheduler.stop_delivery_reminder),
    given=OrderAccepted,
)
