"""What happens when a PaymentIntent is confirmed: authentication, a charge, a decline.

https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from contextlib import suppress

from devstack.stripe_sandbox import cards
from devstack.stripe_sandbox.errors import ApiError, CardDeclined, InvalidRequest
from devstack.stripe_sandbox.resources import authentication, charges, payment_methods
from devstack.stripe_sandbox.routes import Call
from devstack.stripe_sandbox.store import Json


def attempt(call: Call, intent: Json, method: Json) -> None:
    """Pays, or asks for authentication first; off session a bank that wants it declines.

    https://docs.stripe.com/payments/without-card-authentication
    https://docs.stripe.com/payments/save-and-reuse#charge-saved-payment-method
    Raises CardDeclined, with the failure kept.
    """
    off_session = call.params.get("off_session") not in (None, False)
    card = cards.by_fingerprint(method["card"]["fingerprint"])
    wanted = authentication.wanted_to_pay(call, method, off_session=off_session)
    if _was_authenticated(call, intent):
        _charge(call, intent, method, card, authenticated=True)
    elif wanted and off_session:
        _charge(call, intent, method, cards.unauthenticated(card), off_session=True)
    elif wanted and call.params.get("error_on_requires_action"):
        raise _decline(call, intent, method, _ACTION_REQUIRED)
    elif wanted:
        intent["next_action"] = authentication.next_action(call, intent)
        intent["status"] = "requires_action"
        call.store.update(intent)
        call.emit("payment_intent.requires_action", intent)
    else:
        _charge(call, intent, method, card, off_session=off_session)


def authenticated(call: Call, intent: Json, *, proven: bool) -> None:
    """The customer has met the bank's challenge, or failed to.

    A manually confirmed intent then waits for its second confirmation.
    https://docs.stripe.com/payments/3d-secure/authentication-flow
    https://docs.stripe.com/error-codes#payment-intent-authentication-failure
    """
    if intent["status"] != "requires_action":
        raise InvalidRequest(f"{intent['id']} is {intent['status']}; it awaits no authentication.")
    method = call.load("payment_method", intent["payment_method"], "payment_method")
    card = cards.by_fingerprint(method["card"]["fingerprint"])
    intent["next_action"] = None
    if not proven:
        _decline(call, intent, method, _NOT_PROVEN)
    elif intent["confirmation_method"] == "manual":
        call.store.count(_PROVEN, intent["id"])
        intent["status"] = "requires_confirmation"
        call.store.update(intent)
    else:
        # Nobody waits for this answer; the intent and the event tell of a decline.
        with suppress(CardDeclined):
            _charge(call, intent, method, card, authenticated=True)


_PROVEN = "authenticated"
_NOT_PROVEN: Json = {
    "code": "payment_intent_authentication_failure",
    "message": "The provided PaymentMethod has failed authentication. You can provide "
    "payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
    "type": "invalid_request_error",
}
# https://docs.stripe.com/error-codes#payment-intent-action-required
_ACTION_REQUIRED: Json = {
    "code": "payment_intent_action_required",
    "message": "The provided payment method requires customer actions to complete, but "
    "error_on_requires_action was set.",
    "type": "card_error",
}


def _was_authenticated(call: Call, intent: Json) -> bool:
    """Once only: another confirmation asks again."""
    proven = call.store.rows(
        "DELETE FROM counter WHERE kind = ? AND name = ? RETURNING 1", _PROVEN, intent["id"]
    )
    return bool(proven)


def _charge(
    call: Call,
    intent: Json,
    method: Json,
    card: cards.TestCard,
    *,
    off_session: bool = False,
    authenticated: bool = False,
) -> None:
    """Asks the bank; raises CardDeclined, with the failure kept, when it says no."""
    hold = intent["capture_method"] == "manual"
    shown = authentication.AUTHENTICATED if authenticated else None
    charge = charges.authorize(
        call, intent, method, card, hold=hold, off_session=off_session, three_d_secure=shown
    )
    intent["latest_charge"] = charge["id"]
    if charge["status"] == "failed":
        raise _declined(call, intent, method, charge, card)
    intent |= {"last_payment_error": None, "next_action": None}
    if hold:
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
    else:
        intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    call.store.update(intent)
    happened = "amount_capturable_updated" if hold else "succeeded"
    call.emit(f"payment_intent.{happened}", intent)
    if intent["setup_future_usage"] and intent["customer"]:
        payment_methods.attach_to(call, method, intent["customer"])


def _declined(
    call: Call, intent: Json, method: Json, charge: Json, card: cards.TestCard
) -> ApiError:
    error = {
        "charge": charge["id"],
        "code": card.code,
        "decline_code": card.decline_code,
        "message": card.message,
        "type": "card_error",
    }
    return _decline(call, intent, method, error)


def _decline(call: Call, intent: Json, method: Json, error: Json) -> ApiError:
    """Keeps a failed attempt, and returns what to answer; the intent wants another method.

    https://docs.stripe.com/payments/paymentintents/lifecycle (a failed attempt)
    """
    code = error["code"] or ""
    error = error | {
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "payment_method": method,
    }
    intent |= {
        "status": "requires_payment_method",
        "next_action": None,
        "payment_method": None,
        "last_payment_error": error,
    }
    call.store.update(intent)
    call.emit("payment_intent.payment_failed", intent)
    return CardDeclined(error | {"payment_intent": intent})


def check(call: Call, intent: Json, method: Json | None) -> None:
    """Refuses a confirmation without a payment method, or without a way back from a redirect.

    https://docs.stripe.com/api/payment_intents/create (`automatic_payment_methods`)
    """
    if method is None:
        raise InvalidRequest(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
            "either update the PaymentIntent with a payment method and then confirm it again, or "
            "confirm it again directly with a payment method or ConfirmationToken.",
            "payment_intent_unexpected_state",
            payment_intent=intent,
        )
    check_way_back(call, intent, "PaymentIntent")


def check_way_back(call: Call, intent: Json, kind: str) -> None:
    """Stripe wants a `return_url` wherever a payment method may redirect."""
    automatic = intent["automatic_payment_methods"] or {}
    redirects = automatic.get("enabled") and automatic.get("allow_redirects") != "never"
    if redirects and not (call.params.get("return_url") or call.params.get("off_session")):
        raise InvalidRequest(
            f"This {kind} is configured to accept payment methods enabled in your Dashboard. "
            "Because some of these payment methods might redirect your customer off of your page, "
            "you must provide a `return_url`. If you don't want to accept redirect-based payment "
            "methods, set `automatic_payment_methods[enabled]` to `true` and "
            "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents "
            "and Payment Intents."
        )


def chosen_method(call: Call, intent: Json, kind: str = "PaymentIntent") -> Json | None:
    """The payment method of the request, or the intent's own; a saved one needs its customer."""
    name = call.params.get("payment_method") or intent["payment_method"]
    if name is None:
        return None
    method = payment_methods.for_payment(call, name, "payment_method")
    owner = method["customer"]
    if owner is not None and intent["customer"] is None:
        raise InvalidRequest(
            f"The PaymentMethod {name} belongs to the Customer {owner}. Please include the "
            f"Customer in the `customer` parameter on the {kind}.",
            param="payment_method",
        )
    if owner not in (None, intent["customer"]):
        raise InvalidRequest(
            f"The customer does not have a payment method with the ID {name}. The payment method "
            "must be attached to the customer.",
            "resource_missing",
            "payment_method",
        )
    return method
