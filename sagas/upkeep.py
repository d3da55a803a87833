"""Upkeep: what a run was allowed to leave undone is done a little later."""

from celery import shared_task

from escrow import services as escrow
from orders import services as orders
from payments import lapsing
from scheduler import services as scheduler


@shared_task(name="sagas.set_missing_timers")
def set_missing_timers() -> None:
    """Set the timers that no run has set.

    An open order without one would wait for a runner for ever: its run has logged why it could not
    be set. Of the holds that outlive their order by days, the few that are about to lapse are found
    here, instead of a timer for each, and operators are told a day before; so are holds that are
    gone though their order goes on; and those whose time in escrow is over though their timer
    came while somebody else was at work on the order.
    """
    for order_id in scheduler.without_order_timeout(orders.waiting_for_a_runner()):
        scheduler.start_order_timeout(order_id=order_id)
    for order_id in scheduler.without_authorization_expiry(
        orders.still_open(lapsing.about_to_lapse())
    ):
        scheduler.start_authorization_expiry(order_id=order_id)
    for order_id in orders.still_open(lapsing.to_be_warned_of()):
        lapsing.warn(order_id=order_id)
    for order_id in scheduler.without_escrow_timeout(orders.still_open(escrow.held_too_long())):
        scheduler.start_escrow_timeout(order_id=order_id, overdue=True)
