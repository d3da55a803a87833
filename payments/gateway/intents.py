"""PaymentIntents: hold money on a card, take it, or let it go.

https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
"""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import stripe

from payments.errors import StripeUnavailable
from payments.gateway.answers import (
    HOLD_LAPSED,
    HOLD_STANDS,
    Outcome,
    Reply,
    ask,
    client,
    look,
    made_by,
    refuse_in_transaction,
)

#: Reasons that come from Stripe, not from us: the hold was gone when it was given back.
#: https://docs.stripe.com/api/payment_intents/object#payment_intent_object-cancellation_reason
_BY_ITSELF = ("automatic", "expired")
_MOVED = ("payment_intent_unexpected_state", "charge_already_captured")


def authorize(key: str, params: dict[str, Any]) -> Reply:
    """Create and confirm a PaymentIntent with manual capture.

    https://docs.stripe.com/api/payment_intents/create
    """
    return ask(partial(_create, key, params), _held)


def charge(key: str, params: dict[str, Any]) -> Reply:
    """Create and confirm a PaymentIntent that takes the money at once, its customer not there.

    https://docs.stripe.com/payments/save-during-payment#charge-saved-payment-method
    """
    return ask(partial(_create, key, params), _charged)


def capture(key: str, params: dict[str, Any]) -> Reply:
    """Take `amount` of a hold; the rest is released. Taken already is done if as much was taken.

    https://docs.stripe.com/api/payment_intents/capture
    """
    reply = ask(
        lambda: client().v1.payment_intents.capture(
            params["payment_intent"],
            {"amount_to_capture": params["amount"], "expand": [_FEE]},
            {"idempotency_key": key},
        ),
        partial(_captured, params["amount"]),
    )
    return _find_capture(params) if reply.code in _MOVED else reply


def void(key: str, params: dict[str, Any]) -> Reply:
    """Cancel a PaymentIntent, which frees its hold. Already cancelled counts as done.

    https://docs.stripe.com/api/payment_intents/cancel
    """
    reply = ask(
        lambda: client().v1.payment_intents.cancel(
            params["payment_intent"],
            {"cancellation_reason": params["cancellation_reason"]},
            {"idempotency_key": key},
        ),
        _voided,
    )
    return _find_void(params) if reply.code in _MOVED else reply


def find_authorization(params: dict[str, Any], operation_id: str, since: datetime) -> Reply:
    """Look for what an authorization created, by reading only. The list of a customer's intents
    is read-after-write; Stripe's search is not, and is never used to decide.

    https://docs.stripe.com/api/payment_intents/list
    """

    return look(partial(_made_since, since, params, operation_id), _held)


def find_charge(params: dict[str, Any], operation_id: str, since: datetime) -> Reply:
    """Look for what a charge created, as for an authorization."""
    return look(partial(_made_since, since, params, operation_id), _charged)


def client_secret(intent: str) -> str:
    """What lets a customer's browser confirm the intent; told on request and never kept.

    Raises StripeUnavailable. https://docs.stripe.com/api/payment_intents/object
    """
    refuse_in_transaction()
    try:
        secret = client().v1.payment_intents.retrieve(intent).client_secret
    except stripe.StripeError as error:
        raise StripeUnavailable("Stripe can't be asked just now; try again.") from error
    return secret or ""


def find_capture(params: dict[str, Any], operation_id: str, since: datetime) -> Reply:
    """Read whether an intent is captured: whoever did it, it is captured once."""
    return _find_capture(params)


def find_void(params: dict[str, Any], operation_id: str, since: datetime) -> Reply:
    """Read whether an intent is cancelled."""
    return _find_void(params)


_FEE = "latest_charge.balance_transaction"


def _create(key: str, params: dict[str, Any]) -> Any:
    return client().v1.payment_intents.create(
        params,  # type: ignore[arg-type]
        {"idempotency_key": key},
    )


def _made_since(since: datetime, params: dict[str, Any], operation_id: str) -> Any:
    page = client().v1.payment_intents.list(
        {
            "customer": params["customer"],
            "created": {"gte": int(since.timestamp()) - 60},
            "limit": 100,
            "expand": [f"data.{_FEE}"],
        }
    )
    return made_by(operation_id, page.auto_paging_iter())


def _find_capture(params: dict[str, Any]) -> Reply:
    return look(
        lambda: client().v1.payment_intents.retrieve(params["payment_intent"], {"expand": [_FEE]}),
        partial(_captured, params["amount"]),
    )


def _find_void(params: dict[str, Any]) -> Reply:
    return look(lambda: client().v1.payment_intents.retrieve(params["payment_intent"]), _voided)


def _held(intent: stripe.PaymentIntent) -> Reply:
    if intent.status == "requires_capture":
        return Reply(Outcome.SUCCEEDED, object_id=intent.id, capture_before=_capture_before(intent))
    if intent.status == "requires_action":
        return Reply(
            Outcome.WAITING,
            object_id=intent.id,
            code=intent.status,
            message="The card's owner is asked to confirm the payment.",
        )
    return _not_paid(intent) or _unexpected(intent, "requires_capture")


def _charged(intent: stripe.PaymentIntent) -> Reply:
    if intent.status == "succeeded":
        return _captured(intent.amount, intent)
    return _not_paid(intent) or _unexpected(intent, "succeeded")


def _not_paid(intent: stripe.PaymentIntent) -> Reply | None:
    error = intent.last_payment_error
    if intent.status == "processing" or (intent.status == "requires_payment_method" and not error):
        told = f"{intent.id} is {intent.status}."
        return Reply(Outcome.UNKNOWN, code=intent.status, message=told, read_only=True)
    if intent.status in ("requires_payment_method", "canceled"):
        return Reply(
            Outcome.FAILED,
            object_id=intent.id,
            code=(error and (error.decline_code or error.code)) or intent.status,
            message=(error and error.message) or "The payment was not accepted.",
            may_be_confirmed=intent.status == "requires_payment_method",
        )
    return None


def _captured(amount: int, intent: stripe.PaymentIntent) -> Reply:
    if intent.status == "succeeded" and intent.amount_received == amount:
        charge = intent.latest_charge
        assert isinstance(charge, stripe.Charge), "it was expanded"
        return Reply(
            Outcome.SUCCEEDED, object_id=intent.id, charge=charge.id, stripe_fee=_fee(charge)
        )
    if intent.status == "canceled":
        return Reply(
            Outcome.FAILED,
            object_id=intent.id,
            code="hold_gone",
            message=f"{intent.id} is cancelled and holds nothing any more.",
        )
    return _stands(intent) or _unexpected(intent, f"succeeded over {amount}")


def _voided(intent: stripe.PaymentIntent) -> Reply:
    if intent.status == "canceled":
        by_itself = intent.cancellation_reason in _BY_ITSELF
        return Reply(Outcome.SUCCEEDED, object_id=intent.id, code=HOLD_LAPSED if by_itself else "")
    return _stands(intent) or _unexpected(intent, "canceled")


def _stands(intent: stripe.PaymentIntent) -> Reply | None:
    if intent.status != "requires_capture":
        return None
    return Reply(
        Outcome.FAILED,
        object_id=intent.id,
        code=HOLD_STANDS,
        message=f"{intent.id} still holds the money.",
    )


def _unexpected(intent: stripe.PaymentIntent, wanted: str) -> Reply:
    return Reply(
        Outcome.OPERATOR,
        object_id=intent.id,
        code=f"intent_{intent.status}",
        message=f"PaymentIntent {intent.id} is {intent.status}; {wanted} was expected.",
    )


def _fee(charge: stripe.Charge) -> int:
    """What Stripe keeps, in minor units. After a partial capture it first counts the fee on the
    whole charge and gives a part of it back with the uncaptured rest, as a refund's transaction.

    https://docs.stripe.com/reports/reporting-categories (partial_capture_reversal)
    """
    taken = charge.balance_transaction
    assert isinstance(taken, stripe.BalanceTransaction), "it was expanded"
    if charge.amount_captured == charge.amount:
        return taken.fee
    page = client().v1.refunds.list(
        {"charge": charge.id, "limit": 100, "expand": ["data.balance_transaction"]}
    )
    given_back = [
        refund.balance_transaction
        for refund in page.auto_paging_iter()
        if isinstance(refund.balance_transaction, stripe.BalanceTransaction)
    ]
    return taken.fee + sum(one.fee for one in given_back)


def _capture_before(intent: stripe.PaymentIntent) -> datetime | None:
    """When the hold lapses, as Stripe says."""
    charge = intent.latest_charge
    details = getattr(charge, "payment_method_details", None)
    moment = getattr(getattr(details, "card", None), "capture_before", None)
    return datetime.fromtimestamp(moment, UTC) if moment else None
