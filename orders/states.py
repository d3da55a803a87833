"""The life of an order: every status and every edge, once; code and database both follow it."""

from django.db import models


class OrderStatus(models.TextChoices):
    PENDING = "PENDING"
    AWAITING_PAYMENT = "AWAITING_PAYMENT"
    CREATED = "CREATED"
    ACCEPTED = "ACCEPTED"
    PLACED = "PLACED"
    ON_THE_WAY = "ON_THE_WAY"
    DELIVERED = "DELIVERED"
    COMPLETING = "COMPLETING"
    COMPLETED = "COMPLETED"
    COMPLETED_UNPAID = "COMPLETED_UNPAID"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"


S = OrderStatus

#: Where an order may go next. What is not here cannot happen, by code or by SQL.
EDGES: dict[OrderStatus, tuple[OrderStatus, ...]] = {
    S.PENDING: (S.AWAITING_PAYMENT, S.CREATED, S.CANCELLED),
    S.AWAITING_PAYMENT: (S.CREATED, S.CANCELLED),
    S.CREATED: (S.ACCEPTED, S.CANCELLING),
    S.ACCEPTED: (S.PLACED, S.CREATED, S.CANCELLING),
    S.PLACED: (S.ON_THE_WAY, S.CANCELLING),
    S.ON_THE_WAY: (S.DELIVERED, S.CANCELLING),
    S.DELIVERED: (S.COMPLETING, S.CANCELLING),
    S.COMPLETING: (S.COMPLETED, S.COMPLETED_UNPAID, S.DELIVERED),
    S.COMPLETED_UNPAID: (S.COMPLETED,),
    S.COMPLETED: (),
    # A cancellation that is itself undone puts the order back to where it stood.
    S.CANCELLING: (S.CANCELLED, S.CREATED, S.ACCEPTED, S.PLACED, S.ON_THE_WAY, S.DELIVERED),
    S.CANCELLED: (),
}

#: What a runner walks an order through.
DELIVERING = (S.ACCEPTED, S.PLACED, S.ON_THE_WAY, S.DELIVERED)
#: The customer's money is not yet held.
UNPAID = (S.PENDING, S.AWAITING_PAYMENT)
#: Nobody delivers yet.
WITHOUT_RUNNER = (*UNPAID, S.CREATED)
#: Somebody delivers or has delivered. CANCELLING and CANCELLED may be either.
WITH_RUNNER = (
    *DELIVERING,
    S.COMPLETING,
    S.COMPLETED,
    S.COMPLETED_UNPAID,
)


def sources(target: OrderStatus, among: tuple[OrderStatus, ...]) -> tuple[OrderStatus, ...]:
    """Those of `among` from which an order may come to `target`."""
    return tuple(source for source in among if target in EDGES[source])


def edges() -> list[tuple[str, str]]:
    """The same table as (source, target) pairs."""
    return [(source.value, target.value) for source, targets in EDGES.items() for target in targets]


def timestamp_of(status: OrderStatus) -> str:
    """The column that says when an order last came into `status`."""
    return f"{status.value.lower()}_at"
