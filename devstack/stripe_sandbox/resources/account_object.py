"""The connected account object: https://docs.stripe.com/api/accounts/object"""

from typing import Any

from devstack.stripe_sandbox.addresses import whole_address
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.metadata import merged
from devstack.stripe_sandbox.routes import Call
from devstack.stripe_sandbox.store import Json

# https://docs.stripe.com/connect/migrate-to-controller-properties
_CONTROLLERS = {
    "custom": ("application_custom", "application", "application", "none"),
    "express": ("application_express", "application", "stripe", "express"),
    "standard": ("account", "stripe", "stripe", "full"),
}
_PROFILE = dict.fromkeys(
    (
        "estimated_worker_count",
        "mcc",
        "minority_owned_business_designation",
        "name",
        "product_description",
        "support_email",
        "support_phone",
        "support_url",
        "url",
    )
)
_TO_ONBOARD = ["external_account", "tos_acceptance.date", "tos_acceptance.ip"]


def new_account(call: Call) -> Json:
    """An account as the parameters of its creation describe it."""
    params = call.params
    active = call.settings.accounts_active_at_once
    due = [] if active else _TO_ONBOARD
    name = new_id("acct", 16)
    status = "active" if active else "inactive"
    profile = params.get("business_profile", {})
    return {
        "id": name,
        "object": "account",
        "business_profile": _PROFILE
        | {
            "annual_revenue": dict.fromkeys(("amount", "currency", "fiscal_year_end")),
            "support_address": whole_address(profile.get("support_address")),
        }
        | {field: profile[field] for field in _PROFILE.keys() & profile.keys()},
        "business_type": params.get("business_type"),
        "capabilities": dict.fromkeys(params.get("capabilities", {}), status),
        "charges_enabled": active and "card_payments" in params.get("capabilities", {}),
        "controller": _controller(params),
        "country": params.get("country", "US"),
        "created": call.now,
        "default_currency": "usd",
        "details_submitted": active,
        "email": params.get("email"),
        "external_accounts": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/accounts/{name}/external_accounts",
        },
        "future_requirements": requirements(),
        "metadata": merged({}, params.get("metadata")),
        "payouts_enabled": active,
        "requirements": requirements(due),
        "settings": _settings(),
        "tos_acceptance": {"date": None, "ip": None, "user_agent": None},
        "type": "none" if "controller" in params else params.get("type", "standard"),
    }


def requirements(due: list[str] | None = None) -> Json:
    """What Stripe still asks for; https://docs.stripe.com/api/accounts/object#account_object-requirements"""
    return {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": due or [],
        "disabled_reason": "requirements.past_due" if due else None,
        "errors": [],
        "eventually_due": due or [],
        "past_due": due or [],
        "pending_verification": [],
    }


def _controller(params: Json) -> Json:
    payer, losses, collection, dashboard = _CONTROLLERS[params.get("type", "standard")]
    given = params.get("controller", {})
    return {
        "type": "application",
        "is_controller": True,
        "fees": {"payer": given.get("fees", {}).get("payer", payer)},
        "losses": {"payments": given.get("losses", {}).get("payments", losses)},
        "requirement_collection": given.get("requirement_collection", collection),
        "stripe_dashboard": {"type": given.get("stripe_dashboard", {}).get("type", dashboard)},
    }


def _settings() -> dict[str, Any]:
    text = "statement_descriptor"
    descriptors = (text, f"{text}_kana", f"{text}_kanji")
    prefixes = (f"{text}_prefix_kana", f"{text}_prefix_kanji")
    return {
        "bacs_debit_payments": {"display_name": None, "service_user_number": None},
        "branding": dict.fromkeys(("icon", "logo", "primary_color", "secondary_color")),
        "card_issuing": {"tos_acceptance": {"date": None, "ip": None}},
        "card_payments": {
            "decline_on": {"avs_failure": False, "cvc_failure": False},
            **dict.fromkeys((f"{text}_prefix", *prefixes)),
        },
        "dashboard": {"display_name": None, "timezone": "Etc/UTC"},
        "invoices": {"default_account_tax_ids": None, "hosted_payment_method_save": None},
        "payments": dict.fromkeys((*descriptors, *prefixes)),
        "payouts": {
            "debit_negative_balances": True,
            "schedule": {"delay_days": 2, "interval": "daily"},
            "statement_descriptor": None,
        },
        "sepa_debit_payments": {},
    }
