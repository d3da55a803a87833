"""Upkeep: what a run was allowed to leave undone is done a little later."""

from celery import shared_task

from orders import services as orders
from scheduler import services as scheduler


@shared_task(name="sagas.set_missing_timers")
def set_missing_timers() -> None:
    """An open order without a timer would wait for a runner for ever. Its run has logged why the
    timer could not be set; here it is set all the same."""
    for order_id in scheduler.without_order_timeout(orders.waiting_for_a_runner()):
        scheduler.start_order_timeout(order_id=order_id)
