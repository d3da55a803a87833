"""Time as steps."""

from uuid import UUID

from orders.services import Who
from sagas.engine import Retry, participant
from scheduler import services
from scheduler.services import OrderTimeout


@participant(retry=Retry(tries=3))
def start_order_timeout(*, order_id: UUID) -> OrderTimeout:
    """See to it that an order nobody accepts is called off in time."""
    return services.start_order_timeout(order_id=order_id)


@participant()
def stop_order_timeout(*, order_id: UUID) -> None:
    """Somebody delivers the order: it can't time out any more."""
    services.cancel_order_timeout(order_id=order_id)


@participant(retry=Retry(tries=3))
def start_delivery_reminder(*, order_id: UUID) -> None:
    """See to it that a delivery that takes too long is noticed."""
    services.start_delivery_reminder(order_id=order_id)


@participant(retry=Retry(tries=3))
def stop_delivery_reminder(*, order_id: UUID) -> None:
    """Nobody needs to be reminded any more."""
    services.cancel_delivery_reminder(order_id=order_id)


@participant()
def stop_timers(*, order_id: UUID) -> None:
    """The order ends: nothing about it is due any more."""
    services.cancel_timers(order_id=order_id)


@participant()
def restore_timers(*, order_id: UUID, status_before: str) -> None:
    """The order goes on: an open one can time out again, one on its way be reminded of, and the
    money of either may not stand aside for ever."""
    services.start_escrow_timeout(order_id=order_id)
    if status_before == "CREATED":
        services.start_order_timeout(order_id=order_id)
    else:
        services.start_delivery_reminder(order_id=order_id)


@participant()
def note_too_late(*, order_id: UUID, by: Who) -> None:
    """If it was time that wanted the cancellation, it came too late: its event is ignored."""
    if by == "timeout":
        services.ignore_order_timeout(order_id=order_id)
    elif by == "expiry":
        services.ignore_overdue(order_id=order_id)


@participant()
def note_not_overdue(*, order_id: UUID) -> None:
    """The order is over, or somebody is just ending it: its due event is ignored."""
    services.ignore_overdue(order_id=order_id)
