"""What happens by itself when the sandbox's clock comes to it.

Captured money becomes available, the refunds of some test cards resolve, holds lapse. Each request
first lets the time pass that has passed; the courier does so when nobody asks.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from devstack.stripe_sandbox.errors import InvalidRequest
from devstack.stripe_sandbox.resources import (
    balance,
    disputes,
    fraud_warnings,
    payment_intents,
    refunds,
)
from devstack.stripe_sandbox.routes import Call


def _dispute(call: Call, charge: str, **wanted: Any) -> None:
    """A charge that was refunded in the meantime is disputed no more."""
    with suppress(InvalidRequest):
        disputes.open_against(call, charge, wanted)


_WHAT: dict[str, Callable[[Call, str], object]] = {
    "chargeback": _dispute,
    "evidence": disputes.run_out,
    "funds": balance.become_available,
    "inquiry": lambda call, charge: _dispute(call, charge, inquiry=True),
    "not_received": lambda call, charge: _dispute(call, charge, reason="product_not_received"),
    "warning": lambda call, charge: fraud_warnings.warn(call, charge, {}),
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
