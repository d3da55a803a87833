"""PaymentIntents and their states: https://docs.stripe.com/payments/paymentintents/lifecycle"""

from stripe.params import (
    PaymentIntentCancelParams,
    PaymentIntentCaptureParams,
    PaymentIntentConfirmParams,
    PaymentIntentCreateParams,
    PaymentIntentListParams,
    PaymentIntentRetrieveParams,
)

from devstack.stripe_sandbox import cards
from devstack.stripe_sandbox.errors import CardDeclined, InvalidRequest, RefusedParameter
from devstack.stripe_sandbox.lists import PAGE, filters, page
from devstack.stripe_sandbox.metadata import merged
from devstack.stripe_sandbox.money import at_least_one, check_amount
from devstack.stripe_sandbox.resources import charges, confirmation
from devstack.stripe_sandbox.resources.payment_intent_object import new_intent, unexpected_state
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json

_CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
_CANCELABLE = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
    "processing",
)


def create(call: Call) -> Json:
    """https://docs.stripe.com/api/payment_intents/create"""
    params = call.params
    check_amount(params["amount"], params["currency"])
    _check_types(params)
    confirm_now = params.get("confirm", False)
    if not confirm_now:
        for name in ("off_session", "return_url", "error_on_requires_action", "use_stripe_sdk"):
            if name in params:
                raise RefusedParameter(f"You can only set {name} when confirm=true.", param=name)
    if params.get("customer"):
        call.load("customer", params["customer"], "customer")
    intent = new_intent(call)
    method = confirmation.chosen_method(call, intent)
    if confirm_now:
        confirmation.check(call, intent, method)
    if method is not None:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    call.store.insert(intent)
    call.emit("payment_intent.created", intent)
    if confirm_now and method is not None:
        confirmation.attempt(call, intent, method)
    return intent


def confirm(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/payment_intents/confirm"""
    intent = call.open("payment_intent", name)
    if intent["status"] not in _CONFIRMABLE:
        raise unexpected_state(intent, "confirm", "confirmed", _CONFIRMABLE)
    if _confirmed_too_often(call, name):
        return _end(call, intent, None)
    method = confirmation.chosen_method(call, intent)
    confirmation.check(call, intent, method)
    if method is not None:
        intent["payment_method"] = method["id"]
        confirmation.attempt(call, intent, method)
    return intent


def _confirmed_too_often(call: Call, name: str) -> bool:
    """ "There is a variable upper limit on how many times a PaymentIntent can be confirmed. After
    this limit is reached, any further calls to this endpoint will transition the PaymentIntent to
    the canceled state." https://docs.stripe.com/api/payment_intents/confirm
    """
    call.store.count("confirmation", name)
    ((tries,),) = call.store.rows(
        "SELECT value FROM counter WHERE kind = 'confirmation' AND name = ?", name
    )
    return bool(tries > call.settings.confirmations_allowed)


def capture(call: Call, name: str) -> Json:
    """Takes all of a hold, or a part of it and releases the rest.

    https://docs.stripe.com/api/payment_intents/capture
    """
    intent = call.open("payment_intent", name)
    if intent["status"] != "requires_capture":
        raise unexpected_state(intent, "capture", "captured", ("requires_capture",))
    capturable: int = intent["amount_capturable"]
    amount = at_least_one(call.params.get("amount_to_capture", capturable), "amount_to_capture")
    if amount > capturable:
        raise InvalidRequest(
            "The amount to capture must be less than or equal to the amount that can be captured "
            f"({capturable}).",
            "amount_too_large",
            "amount_to_capture",
        )
    metadata = merged(intent["metadata"], call.params.get("metadata"))
    if call.capture_fails == "declined":
        raise _declined_at_capture(intent)
    if call.capture_fails:
        lapse(call, name)
        raise _lapsed_at_capture(call.open("payment_intent", name), call.capture_fails)
    charges.capture(call, call.load("charge", intent["latest_charge"], "latest_charge"), amount)
    intent |= {
        "status": "succeeded",
        "amount_capturable": 0,
        "amount_received": amount,
        "metadata": metadata,
    }
    call.store.update(intent)
    call.emit("payment_intent.succeeded", intent)
    return intent


def cancel(call: Call, name: str) -> Json:
    """Ends an intent that has not succeeded; a hold is given back.

    https://docs.stripe.com/api/payment_intents/cancel
    """
    intent = call.open("payment_intent", name)
    if intent["status"] not in _CANCELABLE:
        raise unexpected_state(intent, "cancel", "canceled", _CANCELABLE)
    if intent["status"] == "requires_capture":
        charges.release(call, call.load("charge", intent["latest_charge"], "latest_charge"))
    return _end(call, intent, call.params.get("cancellation_reason"))


def lapse(call: Call, name: str) -> None:
    """Ends a hold that nobody captured in time; nothing if it is no hold any more.

    https://docs.stripe.com/payments/place-a-hold-on-a-payment-method#authorization-windows
    """
    intent = call.load("payment_intent", name, "id")
    if intent["status"] == "requires_capture":
        charge = call.load("charge", intent["latest_charge"], "latest_charge")
        charges.release(call, charge, "charge.expired")
        _end(call, intent, "automatic")


def retrieve(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/payment_intents/retrieve"""
    return call.open("payment_intent", name)


def list_(call: Call) -> Json:
    """https://docs.stripe.com/api/payment_intents/list"""
    return page(call, "payment_intent", "/v1/payment_intents", filters(call, "customer"))


def _end(call: Call, intent: Json, reason: str | None) -> Json:
    intent |= {
        "status": "canceled",
        "amount_capturable": 0,
        "next_action": None,
        "canceled_at": call.now,
        "cancellation_reason": reason,
    }
    call.store.update(intent)
    call.emit("payment_intent.canceled", intent)
    return intent


def _lapsed_at_capture(intent: Json, code: str) -> InvalidRequest:
    """The fault `lapse_at_capture`: the bank gave the hold up before Stripe knew.

    https://docs.stripe.com/error-codes#charge-expired-for-capture
    """
    return InvalidRequest(
        "The charge cannot be captured as the authorization has expired. Auth and capture charges "
        "must be captured within a set number of days (7 by default).",
        code,
        charge=intent["latest_charge"],
        payment_intent=intent,
    )


def _declined_at_capture(intent: Json) -> CardDeclined:
    """The fault `decline_capture`: Stripe documents no test card for it."""
    return CardDeclined(
        {
            "charge": intent["latest_charge"],
            "code": "card_declined",
            "decline_code": "generic_decline",
            "message": cards.DECLINED,
            "payment_intent": intent,
            "type": "card_error",
        }
    )


def _check_types(params: Json) -> None:
    """https://docs.stripe.com/changelog/dahlia/2026-07-29/allowed-payment-method-types-parameter"""
    if "allowed_payment_method_types" not in params:
        return
    if "automatic_payment_methods" in params:
        raise RefusedParameter(
            "You may only specify one of these parameters: automatic_payment_methods, "
            "allowed_payment_method_types.",
            param="allowed_payment_method_types",
        )
    if "card" not in params["allowed_payment_method_types"]:
        raise RefusedParameter(
            "This sandbox has payment methods of type card only.",
            param="allowed_payment_method_types",
        )


_URL = "/v1/payment_intents"
_CREATE = (
    "amount currency allowed_payment_method_types automatic_payment_methods capture_method confirm "
    "confirmation_method customer description error_on_requires_action metadata off_session "
    "payment_method receipt_email return_url setup_future_usage shipping statement_descriptor "
    "statement_descriptor_suffix transfer_group use_stripe_sdk"
)
_CAPTURE = "amount_to_capture metadata"
_CONFIRM = "payment_method off_session return_url error_on_requires_action use_stripe_sdk"
ROUTES = [
    Route("POST", _URL, create, PaymentIntentCreateParams, _CREATE),
    Route("GET", _URL, list_, PaymentIntentListParams, f"{PAGE} customer"),
    Route("GET", f"{_URL}/:id", retrieve, PaymentIntentRetrieveParams),
    Route("POST", f"{_URL}/:id/confirm", confirm, PaymentIntentConfirmParams, _CONFIRM),
    Route("POST", f"{_URL}/:id/capture", capture, PaymentIntentCaptureParams, _CAPTURE),
    Route("POST", f"{_URL}/:id/cancel", cancel, PaymentIntentCancelParams, "cancellation_reason"),
]
