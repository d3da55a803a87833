"""What happens by itself when the sandbox's clock comes to it.

Captured money becomes available, the refunds of some test cards resolve, holds lapse. Each request
first lets the time pass that has passed; the courier does so when nobody asks.
"""

from devstack.stripe_sandbox.resources import balance, payment_intents, refunds
from devstack.stripe_sandbox.routes import Call

_WHAT = {
    "funds": balance.become_available,
    "hold": payment_intents.lapse,
    "refund": refunds.meet_fate,
}


def let_time_pass(call: Call) -> None:
    """Does all that is due by now, in the order of its times."""
    due = call.store.take_due(call.now)
    for what, name in due:
        _WHAT[what](call, name)
    if any(what == "funds" for what, _ in due):
        # https://docs.stripe.com/api/events/types#event_types-balance.available
        call.emit("balance.available", balance.current(call.store))
        refunds.pay_waiting(call)
