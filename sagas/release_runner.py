"""Release runner: a runner backs out before the kitchen has begun, and the order is open again.

It is open and has its timer in one transaction, or it has neither.
"""

from typing import TypedDict
from uuid import UUID

from sagas.engine import Saga, step
from sagas.participants import orders, scheduler


class RunnerBackedOut(TypedDict):
    """Which runner leaves which order."""

    order_id: UUID
    runner_id: UUID


release_runner = Saga(
    "release_runner",
    step(orders.release_runner, pivot=True, emits="order.released"),
    step(scheduler.start_order_timeout),
    step(scheduler.stop_delivery_reminder),
    given=RunnerBackedOut,
)
