"""The SetupIntent and SetupAttempt objects: https://docs.stripe.com/api/setup_intents/object"""

from devstack.stripe_sandbox.errors import InvalidRequest
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.metadata import merged
from devstack.stripe_sandbox.routes import Call
from devstack.stripe_sandbox.store import Json

_EMPTY = dict.fromkeys(
    (
        "application",
        "cancellation_reason",
        "customer",
        "customer_account",
        "description",
        "excluded_payment_method_types",
        "flow_directions",
        "last_setup_error",
        "latest_attempt",
        "mandate",
        "next_action",
        "on_behalf_of",
        "payment_method",
        "payment_method_configuration_details",
        "single_use_mandate",
    )
)


def unexpected_state(
    intent: Json, verb: str, participle: str, allowed: tuple[str, ...]
) -> InvalidRequest:
    """https://docs.stripe.com/error-codes#setup-intent-unexpected-state"""
    return InvalidRequest(
        f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}. Only a "
        f"SetupIntent with one of the following statuses may be {participle}: "
        f"{', '.join(allowed)}.",
        "setup_intent_unexpected_state",
        setup_intent=intent,
    )


def new_intent(call: Call) -> Json:
    """An intent that waits for a payment method, as the parameters of its creation describe it.

    "If not provided, this value defaults to off_session." (`usage`)
    """
    params = call.params
    name = new_id("seti")
    allowed = params.get("allowed_payment_method_types")
    automatic = params.get("automatic_payment_methods", None if allowed else {"enabled": True})
    if automatic and automatic["enabled"]:
        automatic.setdefault("allow_redirects", "always")
    return _EMPTY | {
        "id": name,
        "object": "setup_intent",
        "allowed_payment_method_types": allowed,
        "automatic_payment_methods": automatic,
        "client_secret": f"{name}_{new_id('secret', 25)}",
        "created": call.now,
        "customer": params.get("customer"),
        "description": params.get("description"),
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": merged({}, params.get("metadata")),
        "payment_method_options": {
            "card": {
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
        "usage": params.get("usage", "off_session"),
    }


def new_attempt(call: Call, intent: Json, method: Json) -> Json:
    """One try to set up a payment method: https://docs.stripe.com/api/setup_attempts/object"""
    card = method["card"]
    same = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding")
    details = {field: card[field] for field in same} | {
        "last4": card["last4"],
        "network": card["brand"],
        "three_d_secure": None,
        "wallet": None,
    }
    return {
        "id": new_id("setatt"),
        "object": "setup_attempt",
        "application": None,
        "created": call.now,
        "customer": intent["customer"],
        "customer_account": None,
        "flow_directions": None,
        "livemode": False,
        "on_behalf_of": None,
        "payment_method": method["id"],
        "payment_method_details": {"card": details, "type": "card"},
        "setup_error": None,
        "setup_intent": intent["id"],
        "status": "processing",
        "usage": intent["usage"],
    }
