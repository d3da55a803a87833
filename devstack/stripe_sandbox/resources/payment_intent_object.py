"""The PaymentIntent object and the refusal that carries it: https://docs.stripe.com/api/payment_intents/object"""

from devstack.stripe_sandbox.addresses import whole_shipping
from devstack.stripe_sandbox.errors import InvalidRequest
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.metadata import merged
from devstack.stripe_sandbox.routes import Call
from devstack.stripe_sandbox.store import Json


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
    return {
        "id": name,
        "object": "payment_intent",
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "allowed_payment_method_types": allowed,
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": automatic,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": f"{name}_{new_id('secret', 25)}",
        "confirmation_method": params.get("confirmation_method", "automatic"),
        "created": call.now,
        "currency": params["currency"],
        "customer": params.get("customer"),
        "customer_account": None,
        "description": params.get("description"),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": merged({}, params.get("metadata")),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": params.get("receipt_email"),
        "review": None,
        "setup_future_usage": params.get("setup_future_usage"),
        "shipping": whole_shipping(params.get("shipping")),
        "source": None,
        "statement_descriptor": params.get("statement_descriptor"),
        "statement_descriptor_suffix": params.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": params.get("transfer_group"),
    }
