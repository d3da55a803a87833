"""The Dispute object: https://docs.stripe.com/api/disputes/object"""

from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.routes import Call
from devstack.stripe_sandbox.store import Json

# "Evidence is usually due in 7 to 21 days, depending on the card network."
# https://docs.stripe.com/disputes/responding
_TO_ANSWER = 9 * 86_400

# https://docs.stripe.com/disputes/categories
REASONS = {
    "credit_not_processed": "13.7",
    "duplicate": "12.6.1",
    "fraudulent": "10.4",
    "general": "13.9",
    "product_not_received": "13.1",
    "product_unacceptable": "13.3",
    "subscription_canceled": "13.2",
    "unrecognized": "10.4",
}
_NO_EVIDENCE = dict.fromkeys(
    (
        "access_activity_log",
        "billing_address",
        "cancellation_policy",
        "cancellation_policy_disclosure",
        "cancellation_rebuttal",
        "customer_communication",
        "customer_email_address",
        "customer_name",
        "customer_purchase_ip",
        "customer_signature",
        "duplicate_charge_documentation",
        "duplicate_charge_explanation",
        "duplicate_charge_id",
        "product_description",
        "receipt",
        "refund_policy",
        "refund_policy_disclosure",
        "refund_refusal_explanation",
        "service_date",
        "service_documentation",
        "shipping_address",
        "shipping_carrier",
        "shipping_date",
        "shipping_documentation",
        "shipping_tracking_number",
        "uncategorized_file",
        "uncategorized_text",
    )
)


def new_dispute(call: Call, charge: Json, amount: int, reason: str, *, inquiry: bool) -> Json:
    """An open dispute over a part of a charge; an inquiry leaves it refundable."""
    brand = charge["payment_method_details"]["card"]["brand"]
    card = {
        "brand": brand,
        "case_type": "inquiry" if inquiry else "chargeback",
        "network": brand,
        "network_reason_code": REASONS[reason],
    }
    return {
        "id": new_id("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**_NO_EVIDENCE, "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": call.now + _TO_ANSWER,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "network_reason_code": REASONS[reason],
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {"card": card, "type": "card"},
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }
