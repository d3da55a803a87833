"""The front door of the scheduler: set a due event, take it back, fire what is due."""

from scheduler.firing import fire_all_due, fire_due
from scheduler.setting import (
    OrderTimeout,
    cancel_authorization_expiry,
    cancel_delivery_reminder,
    cancel_event,
    cancel_order_timeout,
    ignore_authorization_expiry,
    ignore_order_timeout,
    schedule,
    start_authorization_expiry,
    start_delivery_reminder,
    start_order_timeout,
    without_authorization_expiry,
    without_order_timeout,
)

__all__ = [
    "OrderTimeout",
    "cancel_authorization_expiry",
    "cancel_delivery_reminder",
    "cancel_event",
    "cancel_order_timeout",
    "fire_all_due",
    "fire_due",
    "ignore_authorization_expiry",
    "ignore_order_timeout",
    "schedule",
    "start_authorization_expiry",
    "start_delivery_reminder",
    "start_order_timeout",
    "without_authorization_expiry",
    "without_order_timeout",
]
