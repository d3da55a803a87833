"""End overdue: an order whose money has been set aside too long, or whose card's promise lapses.

Time decides as a person would: what was delivered is completed, though nobody gave the PIN; what
was not is called off and costs nothing. Whoever is ending the order already goes on alone.
"""

from typing import TypedDict
from uuid import UUID

from sagas.engine import Saga, step
from sagas.participants import orders, scheduler


class OrderOverdue(TypedDict):
    """Which order, and why it can't wait any longer."""

    order_id: UUID
    reason: str


end_overdue = Saga(
    "end_overdue",
    step(orders.end_overdue, compensate=scheduler.note_not_overdue, emits="order.overdue"),
    given=OrderOverdue,
)
