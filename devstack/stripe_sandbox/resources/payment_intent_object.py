"""The PaymentIntent object and the refusal that carries it: https://docs.stripe.com/api/payment_intents/object"""

from devstack.stripe_sandbox.addresses import whole_shipping
from devstack.stripe_sandbox.errors import InvalidRequest
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.metadata import merged
from devstack.stripe_sandbox.routes import Call
from devstack.stripe_sandbox.store import Json

_AS_GIVEN = (
    "amount",
    "currency",
    "customer",
    "description",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
_EMPTY = dict.fromkeys(
    (
        *_AS_GIVEN,
        "application",
        "application_fee_amount",
        "canceled_at",
        "cancellation_reason",
        "customer_account",
        "excluded_payment_method_types",
        "last_payment_error",
        "latest_charge",
        "next_action",
        "on_behalf_of",
        "payment_method",
        "payment_method_configuration_details",
        "processing",
        "review",
        "source",
        "transfer_data",
    )
)
_CARD_OPTIONS = {
    "installments": None,
    "mandate_options": None,
    "network": None,
    "request_three_d_secure": "automatic",
}


def unexpected_state(
    intent: Json, verb: str, participle: str, allowed: tuple[str, ...]
) -> InvalidRequest:
    """https://docs.stripe.com/error-codes#payment-intent-unexpected-state"""
    if verb == "capture" and intent["status"] == "succeeded":
        message = "This PaymentIntent could not be captured because it has already been captured."
    else:
        message = (
            f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}. "
            f"Only a PaymentIntent with one of the following statuses may be {participle}: "
            f"{', '.join(allowed)}."
        )
    return InvalidRequest(message, "payment_intent_unexpected_state", payment_intent=intent)


def new_intent(call: Call) -> Json:
    """An intent that waits for a payment method, as the parameters of its creation describe it."""
    params = call.params
    name = new_id("pi")
    # Without a list of types Stripe takes those switched on in the Dashboard, redirects included.
    allowed = params.get("allowed_payment_method_types")
    automatic = params.get("automatic_payment_methods", None if allowed else {"enabled": True})
    if automatic and automatic["enabled"]:
        automatic.setdefault("allow_redirects", "always")
    return (
        _EMPTY
        | {field: params[field] for field in _AS_GIVEN if field in params}
        | {
            "id": name,
            "object": "payment_intent",
            "allowed_payment_method_types": allowed,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "automatic_payment_methods": automatic,
            "capture_method": params.get("capture_method", "automatic_async"),
            "client_secret": f"{name}_{new_id('secret', 25)}",
            "confirmation_method": params.get("confirmation_method", "automatic"),
            "created": call.now,
            "livemode": False,
            "managed_payments": {"enabled": False},
            "metadata": merged({}, params.get("metadata")),
            "payment_method_options": {"card": _CARD_OPTIONS},
            "payment_method_types": ["card"],
            "shipping": whole_shipping(params.get("shipping")),
            "status": "requires_payment_method",
        }
    )
