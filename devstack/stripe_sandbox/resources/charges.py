"""Charges, which PaymentIntents make: https://docs.stripe.com/api/charges"""

from typing import Any

from stripe.params import ChargeListParams, ChargeRetrieveParams

from devstack.stripe_sandbox import cards
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.lists import PAGE, filters, page
from devstack.stripe_sandbox.resources import balance, refunds
from devstack.stripe_sandbox.resources.balance import Movement
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json

_DAY = 86_400
# https://docs.stripe.com/payments/place-a-hold-on-a-payment-method#authorization-windows
_HOLD = 7 * _DAY
# A merchant-initiated Visa hold lasts "5 days", by the same page really 4 days and 18 hours.
_HOLD_VISA_OFF_SESSION = 4 * _DAY + 18 * 3600


def retrieve(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/charges/retrieve"""
    return call.open("charge", name)


def list_(call: Call) -> Json:
    """https://docs.stripe.com/api/charges/list"""
    wanted = filters(call, "customer", "payment_intent", "transfer_group")
    return page(call, "charge", "/v1/charges", wanted)


def authorize(
    call: Call,
    intent: Json,
    method: Json,
    card: cards.TestCard,
    *,
    hold: bool,
    off_session: bool,
    three_d_secure: Json | None,
) -> Json:
    """Asks the bank for the intent's amount and keeps the answer, yes or no, as a charge."""
    charge = _new(call.now, intent, method)
    charge["payment_method_details"]["card"]["three_d_secure"] = three_d_secure
    if card.code is None and hold:
        window = _HOLD_VISA_OFF_SESSION if off_session and card.brand == "visa" else _HOLD
        charge["payment_method_details"]["card"]["capture_before"] = call.now + window
        call.store.schedule(call.now + window, "hold", intent["id"])
    elif card.code is None:
        _take(call, charge)
    else:
        charge |= {
            "failure_code": card.code,
            "failure_message": card.message,
            "outcome": _outcome("declined_by_network", card.decline_code, "issuer_declined"),
            "paid": False,
            "status": "failed",
        }
    call.store.insert(charge)
    call.emit(f"charge.{charge['status']}", charge)
    return charge


def capture(call: Call, charge: Json, amount: int) -> None:
    """Takes `amount` minor units of a hold and releases the rest.

    https://docs.stripe.com/payments/place-a-hold-on-a-payment-method#capture-funds
    """
    _take(call, charge)
    charge["amount_captured"] = amount
    charge["payment_method_details"]["card"].pop("capture_before", None)
    if amount < charge["amount"]:
        refunds.return_uncaptured(call, charge, charge["amount"] - amount)
    call.store.update(charge)
    call.emit("charge.captured", charge)


def release(call: Call, charge: Json, event_type: str = "charge.refunded") -> None:
    """Gives a whole hold back: a released authorization shows as a refunded charge.

    https://docs.stripe.com/refunds#cancel-payment
    """
    charge["refunded"] = True
    charge["amount_refunded"] = charge["amount"]
    charge["payment_method_details"]["card"].pop("capture_before", None)
    call.store.update(charge)
    call.emit(event_type, charge)


def _take(call: Call, charge: Json) -> None:
    """Adds the charge to the balance, less Stripe's fee: pending first, but for card …0077.

    https://docs.stripe.com/payments/balances
    https://docs.stripe.com/testing#available-balance
    """
    card = cards.by_fingerprint(charge["payment_method_details"]["card"]["fingerprint"])
    amount, currency = charge["amount"], charge["currency"]
    until = call.now + call.settings.funds_available_after_seconds
    moved = Movement(
        "charge",
        "charge",
        charge["id"],
        amount,
        currency,
        balance.fee_on(call, amount),
        None if card.bypasses_pending else until,
    )
    if card.afterwards:
        call.store.schedule(call.now, card.afterwards, charge["id"])
    charge |= {
        "amount_captured": amount,
        "balance_transaction": balance.record(call, moved),
        "captured": True,
    }


def _outcome(network: str, reason: str | None, kind: str) -> Json:
    accepted = kind == "authorized"
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network,
        "reason": reason,
        "risk_level": "normal",
        "seller_message": "Payment complete."
        if accepted
        else "The bank returned the decline code `" + str(reason) + "`.",
        "type": kind,
    }


# What a charge takes over from its intent.
_OF_INTENT = (
    "amount",
    "currency",
    "customer",
    "description",
    "metadata",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
_EMPTY = dict.fromkeys(
    (
        "application",
        "application_fee",
        "application_fee_amount",
        "balance_transaction",
        "calculated_statement_descriptor",
        "failure_balance_transaction",
        "failure_code",
        "failure_message",
        "on_behalf_of",
        "receipt_number",
        "receipt_url",
        "review",
        "source",
        "source_transfer",
        "transfer_data",
    )
)


def _new(now: int, intent: Json, method: Json) -> dict[str, Any]:
    return (
        _EMPTY
        | {field: intent[field] for field in _OF_INTENT}
        | {
            "id": new_id("ch"),
            "object": "charge",
            "amount_captured": 0,
            "amount_refunded": 0,
            "billing_details": method["billing_details"],
            "captured": False,
            "created": now,
            "disputed": False,
            "fraud_details": {},
            "livemode": False,
            "outcome": _outcome("approved_by_network", None, "authorized"),
            "paid": True,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {"card": _card(intent, method["card"]), "type": "card"},
            "refunded": False,
            "status": "succeeded",
        }
    )


def _card(intent: Json, card: Json) -> dict[str, Any]:
    same = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding")
    return {field: card[field] for field in same} | {
        "amount_authorized": intent["amount"],
        "authorization_code": None,
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": card["last4"],
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
        "regulated_status": card["regulated_status"],
        "three_d_secure": None,
        "transaction_link_id": None,
        "wallet": None,
    }


ROUTES = [
    Route(
        "GET",
        "/v1/charges",
        list_,
        ChargeListParams,
        f"{PAGE} customer payment_intent transfer_group",
    ),
    Route("GET", "/v1/charges/:id", retrieve, ChargeRetrieveParams),
]
