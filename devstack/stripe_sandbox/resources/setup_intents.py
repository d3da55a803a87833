"""SetupIntents: a card saved for later payments; https://docs.stripe.com/payments/setup-intents"""

from stripe.params import (
    SetupAttemptListParams,
    SetupIntentCancelParams,
    SetupIntentConfirmParams,
    SetupIntentCreateParams,
    SetupIntentListParams,
    SetupIntentRetrieveParams,
    SetupIntentUpdateParams,
)

from devstack.stripe_sandbox import cards
from devstack.stripe_sandbox.errors import CardDeclined, InvalidRequest, RefusedParameter
from devstack.stripe_sandbox.lists import PAGE, filters, page
from devstack.stripe_sandbox.metadata import merged
from devstack.stripe_sandbox.resources import authentication, confirmation, payment_methods
from devstack.stripe_sandbox.resources.setup_intent_object import (
    new_attempt,
    new_intent,
    unexpected_state,
)
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json

_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


def create(call: Call) -> Json:
    """https://docs.stripe.com/api/setup_intents/create"""
    params = call.params
    confirm_now = params.get("confirm", False)
    for name in ("return_url", "use_stripe_sdk"):
        if name in params and not confirm_now:
            raise RefusedParameter(f"You can only set {name} when confirm=true.", param=name)
    if params.get("customer"):
        call.load("customer", params["customer"], "customer")
    intent = new_intent(call)
    method = confirmation.chosen_method(call, intent, "SetupIntent")
    if confirm_now:
        _check(call, intent, method)
    if method is not None:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    call.store.insert(intent)
    call.emit("setup_intent.created", intent)
    if confirm_now and method is not None:
        _attempt(call, intent, method)
    return intent


def update(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/setup_intents/update"""
    intent = call.open("setup_intent", name)
    if intent["status"] not in _OPEN:
        raise unexpected_state(intent, "update", "updated", _OPEN)
    if call.params.get("customer"):
        intent["customer"] = call.load("customer", call.params["customer"], "customer")["id"]
    method = confirmation.chosen_method(call, intent, "SetupIntent")
    intent["metadata"] = merged(intent["metadata"], call.params.get("metadata"))
    intent["description"] = call.params.get("description", intent["description"])
    if method is not None and intent["status"] == "requires_payment_method":
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    call.store.update(intent)
    return intent


def confirm(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/setup_intents/confirm"""
    intent = call.open("setup_intent", name)
    if intent["status"] not in _OPEN:
        raise unexpected_state(intent, "confirm", "confirmed", _OPEN)
    method = confirmation.chosen_method(call, intent, "SetupIntent")
    _check(call, intent, method)
    if method is not None:
        intent["payment_method"] = method["id"]
        _attempt(call, intent, method)
    return intent


def cancel(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/setup_intents/cancel"""
    intent = call.open("setup_intent", name)
    if intent["status"] not in _OPEN:
        raise unexpected_state(intent, "cancel", "canceled", _OPEN)
    intent |= {
        "status": "canceled",
        "next_action": None,
        "cancellation_reason": call.params.get("cancellation_reason"),
    }
    call.store.update(intent)
    call.emit("setup_intent.canceled", intent)
    return intent


def retrieve(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/setup_intents/retrieve"""
    return call.open("setup_intent", name)


def list_(call: Call) -> Json:
    """https://docs.stripe.com/api/setup_intents/list"""
    wanted = filters(call, "customer", "payment_method")
    return page(call, "setup_intent", "/v1/setup_intents", wanted)


def list_attempts(call: Call) -> Json:
    """https://docs.stripe.com/api/setup_attempts/list"""
    call.load("setup_intent", call.params["setup_intent"], "setup_intent")
    return page(call, "setup_attempt", "/v1/setup_attempts", filters(call, "setup_intent"))


def authenticated(call: Call, intent: Json, *, proven: bool) -> None:
    """The customer has met the bank's challenge, or failed to.

    https://docs.stripe.com/error-codes#setup-intent-authentication-failure
    """
    if intent["status"] != "requires_action":
        raise InvalidRequest(f"{intent['id']} is {intent['status']}; it awaits no authentication.")
    method = call.load("payment_method", intent["payment_method"], "payment_method")
    attempt = call.load("setup_attempt", intent["latest_attempt"], "latest_attempt")
    intent["next_action"] = None
    shown = authentication.AUTHENTICATED if proven else None
    attempt["payment_method_details"]["card"]["three_d_secure"] = shown and {
        name: shown[name] for name in shown if not name.startswith("exemption")
    }
    if proven:
        _succeed(call, intent, method, attempt)
    else:
        _fail(call, intent, method, attempt, _NOT_PROVEN)


_NOT_PROVEN: Json = {
    "code": "setup_intent_authentication_failure",
    "doc_url": "https://stripe.com/docs/error-codes/setup-intent-authentication-failure",
    "message": "The latest attempt to set up the payment method has failed because authentication "
    "failed.",
    "type": "invalid_request_error",
}


def _check(call: Call, intent: Json, method: Json | None) -> None:
    if method is None:
        raise InvalidRequest(
            "You cannot confirm this SetupIntent because it's missing a payment method. Update "
            "the SetupIntent with a payment method and then confirm it again.",
            "setup_intent_unexpected_state",
            setup_intent=intent,
        )
    confirmation.check_way_back(call, intent, "SetupIntent")


def _attempt(call: Call, intent: Json, method: Json) -> None:
    """Asks the bank. A card that can't be attached fails here, if `decline_at_attach` is set.

    https://docs.stripe.com/testing#declined-payments
    """
    card = cards.by_fingerprint(method["card"]["fingerprint"])
    attempt = new_attempt(call, intent, method)
    intent["latest_attempt"] = attempt["id"]
    call.store.insert(attempt)
    if call.settings.decline_at_attach and not card.attaches:
        error = {
            "code": card.code,
            "decline_code": card.decline_code,
            "message": card.message,
            "type": "card_error",
        }
        _fail(call, intent, method, attempt, error)
        raise CardDeclined(intent["last_setup_error"] | {"setup_intent": intent})
    if not authentication.wanted_to_set_up(method):
        _succeed(call, intent, method, attempt)
        return
    attempt["status"] = "requires_action"
    call.store.update(attempt)
    intent |= {
        "status": "requires_action",
        "next_action": authentication.next_action(call, intent),
    }
    call.store.update(intent)
    call.emit("setup_intent.requires_action", intent)


def _succeed(call: Call, intent: Json, method: Json, attempt: Json) -> None:
    """With a customer the card is attached to it: https://docs.stripe.com/api/setup_intents/create"""
    attempt["status"] = "succeeded"
    call.store.update(attempt)
    intent |= {"status": "succeeded", "last_setup_error": None}
    call.store.update(intent)
    if intent["customer"]:
        payment_methods.attach_to(call, method, intent["customer"])
    call.emit("setup_intent.succeeded", intent)


def _fail(call: Call, intent: Json, method: Json, attempt: Json, error: Json) -> None:
    error = error | {"payment_method": method}
    attempt |= {"status": "failed", "setup_error": error}
    call.store.update(attempt)
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "last_setup_error": error,
    }
    call.store.update(intent)
    call.emit("setup_intent.setup_failed", intent)


_URL = "/v1/setup_intents"
_CREATE = (
    "allowed_payment_method_types automatic_payment_methods confirm customer description metadata "
    "payment_method return_url usage use_stripe_sdk"
)
_CONFIRM = "payment_method return_url use_stripe_sdk"
_UPDATE = "customer description metadata payment_method"
_LIST = f"{PAGE} customer payment_method"
ROUTES = [
    Route("POST", _URL, create, SetupIntentCreateParams, _CREATE),
    Route("GET", _URL, list_, SetupIntentListParams, _LIST),
    Route("GET", f"{_URL}/:id", retrieve, SetupIntentRetrieveParams),
    Route("POST", f"{_URL}/:id", update, SetupIntentUpdateParams, _UPDATE),
    Route("POST", f"{_URL}/:id/confirm", confirm, SetupIntentConfirmParams, _CONFIRM),
    Route("POST", f"{_URL}/:id/cancel", cancel, SetupIntentCancelParams, "cancellation_reason"),
    Route(
        "GET", "/v1/setup_attempts", list_attempts, SetupAttemptListParams, f"{PAGE} setup_intent"
    ),
]
