"""The front door of the scheduler: set a due event, take it back, fire what is due."""

from scheduler.firing import fire_all_due, fire_due
from scheduler.setting import (
    OrderTimeout,
    cancel_delivery_reminder,
    cancel_escrow_timeout,
    cancel_event,
    cancel_order_timeout,
    cancel_timers,
    ignore_order_timeout,
    ignore_overdue,
    schedule,
    start_authorization_expiry,
    start_delivery_reminder,
    start_escrow_timeout,
    start_order_timeout,
    without_authorization_expiry,
    without_escrow_timeout,
    without_order_timeout,
)

__all__ = [
    "OrderTimeout",
    "cancel_delivery_reminder",
    "cancel_escrow_timeout",
    "cancel_event",
    "cancel_order_timeout",
    "cancel_timers",
    "fire_all_due",
    "fire_due",
    "ignore_order_timeout",
    "ignore_overdue",
    "schedule",
    "start_authorization_expiry",
    "start_delivery_reminder",
    "start_escrow_timeout",
    "start_order_timeout",
    "without_authorization_expiry",
    "without_escrow_timeout",
    "without_order_timeout",
]
