"""The only package that talks to Stripe. Each answer, and each lack of one, becomes a `Reply`."""

from payments.gateway.answers import ABSENT, HOLD_STANDS, Outcome, Reply, client
from payments.gateway.customers import (
    Registered,
    begin_setup,
    finish_setup,
    forget_card,
    register_customer,
)
from payments.gateway.events import list_events, register_webhook
from payments.gateway.intents import (
    authorize,
    capture,
    charge,
    client_secret,
    find_authorization,
    find_capture,
    find_charge,
    find_void,
    void,
)
from payments.gateway.payees import (
    find_reversal,
    find_transfer,
    register_payee,
    reverse,
    transfer,
    transfers_of,
)
from payments.gateway.refunds import find_refund, refund
from payments.gateway.reports import (
    Intent,
    Movement,
    balance,
    intent,
    intents,
    movements,
    movements_of,
)

__all__ = [
    "ABSENT",
    "HOLD_STANDS",
    "Intent",
    "Movement",
    "Outcome",
    "Registered",
    "Reply",
    "authorize",
    "balance",
    "begin_setup",
    "capture",
    "charge",
    "client",
    "client_secret",
    "find_authorization",
    "find_capture",
    "find_charge",
    "find_refund",
    "find_reversal",
    "find_transfer",
    "find_void",
    "finish_setup",
    "forget_card",
    "intent",
    "intents",
    "list_events",
    "movements",
    "movements_of",
    "refund",
    "register_customer",
    "register_payee",
    "register_webhook",
    "reverse",
    "transfer",
    "transfers_of",
    "void",
]
