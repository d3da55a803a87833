"""3-D Secure: when a card's bank wants its owner to prove who they are, and where they do so.

https://docs.stripe.com/payments/3d-secure/authentication-flow
"""

from devstack.stripe_sandbox import cards
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.routes import Call
from devstack.stripe_sandbox.store import Json

# What a charge or a set-up says of a challenge that was met.
# https://docs.stripe.com/api/charges/object#charge_object-payment_method_details-card-three_d_secure
AUTHENTICATED: Json = {
    "authentication_flow": "challenge",
    "electronic_commerce_indicator": "05",
    "exemption_indicator": None,
    "exemption_indicator_applied": None,
    "result": "authenticated",
    "result_reason": None,
    "transaction_id": None,
    "version": "2.2.0",
}


def wanted_to_pay(call: Call, method: Json, *, off_session: bool) -> bool:
    """Whether the bank wants authentication for a payment, with the customer there or not.

    https://docs.stripe.com/testing#authentication-and-setup
    """
    match cards.by_fingerprint(method["card"]["fingerprint"]).authenticates:
        case "always":
            return True
        case "unless_set_up":
            return not (off_session and _is_set_up(call, method))
        case "on_session":
            return not off_session
    return False


def wanted_to_set_up(method: Json) -> bool:
    """Whether the bank wants authentication to save a card for later, by the same table."""
    card = cards.by_fingerprint(method["card"]["fingerprint"])
    return card.authenticates in ("always", "unless_set_up")


def next_action(call: Call, intent: Json) -> Json:
    """Where to send the customer: a page of the sandbox, of which Stripe.js knows without redirect.

    https://docs.stripe.com/api/payment_intents/object#payment_intent_object-next_action
    """
    page = f"{call.origin}/_sandbox/authenticate/{intent['id']}"
    return_url = call.params.get("return_url")
    if return_url and not call.params.get("use_stripe_sdk"):
        return {
            "type": "redirect_to_url",
            "redirect_to_url": {"return_url": return_url, "url": page},
        }
    # "The shape of the contents is subject to change and is only intended to be used by Stripe.js."
    inside = {
        "type": "three_d_secure_redirect",
        "source": new_id("payatt_3ds2"),
        "stripe_js": page,
    }
    return {"type": "use_stripe_sdk", "use_stripe_sdk": inside}


def _is_set_up(call: Call, method: Json) -> bool:
    """Whether a SetupIntent, or a payment that was to be repeated, has succeeded with it.

    https://docs.stripe.com/payments/setup-intents
    https://docs.stripe.com/api/payment_intents/create#create_payment_intent-setup_future_usage
    """
    return bool(
        call.store.rows(
            "SELECT 1 FROM object WHERE kind = 'setup_intent' "
            "AND json_extract(body, '$.payment_method') = ? "
            "AND json_extract(body, '$.status') = 'succeeded' "
            "AND json_extract(body, '$.usage') = 'off_session' LIMIT 1",
            method["id"],
        )
        or call.store.rows(
            "SELECT 1 FROM object WHERE kind = 'payment_intent' "
            "AND json_extract(body, '$.customer') = ? "
            "AND json_extract(body, '$.payment_method') = ? "
            "AND json_extract(body, '$.status') IN ('succeeded', 'requires_capture') "
            "AND json_extract(body, '$.setup_future_usage') = 'off_session' LIMIT 1",
            method["customer"],
            method["id"],
        )
    )
