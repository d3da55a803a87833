"""One conditional UPDATE moves an order and is told; of two that race one moves nothing."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

from django.db import connection, transaction

from events.services import record
from orders.models import REASON_MAX, Order
from orders.states import OrderStatus, sources, timestamp_of


class Told(TypedDict):
    """What every event about an order says; money in minor units of `currency`."""

    status: str
    customer_id: UUID
    restaurant_id: UUID
    runner_id: UUID | None
    total: int
    currency: str


class Moved(NamedTuple):
    """The order after its move; money in minor units of `currency`."""

    customer_id: UUID
    restaurant_id: UUID
    runner_id: UUID | None
    food_fee: int
    delivery_fee: int
    platform_fee: int
    total: int
    currency: str
    cancel_reason: str


def move(
    order_id: UUID,
    target: OrderStatus,
    event: str,
    *,
    among: tuple[OrderStatus, ...],
    changes: Mapping[str, Any] | None = None,
    only: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
) -> Moved | None:
    """Move the order to `target` from those of `among` that lead there, and record `event`.

    Sets the columns in `changes`, and moves only an order whose columns are as in `only`. None
    when nothing has moved: the caller looks why. `data` joins the event's.
    """
    times = {timestamp_of(target): "statement_timestamp()"}
    return _update(order_id, target, event, sources(target, among), times, changes, only, data)


def move_back(
    order_id: UUID,
    source: OrderStatus,
    target: OrderStatus,
    event: str,
    *,
    changes: Mapping[str, Any] | None = None,
    only: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
) -> Moved | None:
    """As `move`, but what is taken back leaves no time: `target` keeps its own from before."""
    times = {timestamp_of(source): "NULL"}
    return _update(order_id, target, event, (source,), times, changes, only, data)


def status_of(order_id: UUID) -> OrderStatus | None:
    """Where the order stands; None when there is none."""
    status = Order.objects.filter(id=order_id).values_list("status", flat=True).first()
    return OrderStatus(status) if status else None


def told(order: Order | Moved, status: str) -> Told:
    """What an event says of this order, so that nobody who hears of it has to ask."""
    return {
        "status": status,
        "customer_id": order.customer_id,
        "restaurant_id": order.restaurant_id,
        "runner_id": order.runner_id,
        "total": order.total,
        "currency": order.currency,
    }


def cut(reason: str) -> str:
    """As much of it as is kept: a long story must not keep an order from being cancelled."""
    return reason[:REASON_MAX]


@transaction.atomic(savepoint=False)
def _update(
    order_id: UUID,
    target: OrderStatus,
    event: str,
    from_: Iterable[OrderStatus],
    times: Mapping[str, str],
    changes: Mapping[str, Any] | None,
    only: Mapping[str, Any] | None,
    data: Mapping[str, Any] | None,
) -> Moved | None:
    changes, only = changes or {}, only or {}
    assignments = [f"{column} = {when}" for column, when in times.items()]
    assignments += [f"{column} = %(set_{column})s" for column in changes]
    conditions = [f"{column} IS NOT DISTINCT FROM %(only_{column})s" for column in only]
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "order_id": order_id,
            "target": target.value,
            "from": [source.value for source in from_],
        }
        cursor.execute(
            f"""
            UPDATE orders_order
               SET {", ".join(["status = %(target)s, version = version + 1", *assignments])}
             WHERE {" AND ".join(["id = %(order_id)s AND status = ANY(%(from)s)", *conditions])}
            RETURNING {", ".join(Moved._fields)}
            """,
            values
            | {f"set_{column}": value for column, value in changes.items()}
            | {f"only_{column}": value for column, value in only.items()},
        )
        row = cursor.fetchone()
    if row is None:
        return None
    moved = Moved(*row)
    record(
        type=event,
        order_id=order_id,
        data={
            **told(moved, target),
            **({"reason": moved.cancel_reason} if moved.cancel_reason else {}),
            **(data or {}),
        },
    )
    return moved
