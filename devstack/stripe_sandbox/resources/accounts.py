"""Connected accounts, their capabilities and their onboarding: https://docs.stripe.com/connect"""

from typing import Any
from urllib.parse import urlencode

from stripe.params import (
    AccountCapabilityListParams,
    AccountCapabilityRetrieveParams,
    AccountCreateParams,
    AccountLinkCreateParams,
    AccountListParams,
    AccountRetrieveParams,
)

from devstack.stripe_sandbox.errors import (
    InvalidRequest,
    NoAccess,
    RefusedParameter,
    ResourceMissing,
)
from devstack.stripe_sandbox.lists import PAGE, page
from devstack.stripe_sandbox.resources import balance
from devstack.stripe_sandbox.resources.account_object import new_account, requirements
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json

_LINK_LIFETIME = 300  # seconds
_REQUIREMENTS = {"disabled_reason", "currently_due", "past_due", "current_deadline"}
_STATUSES = ("active", "inactive", "pending")


def create(call: Call) -> Json:
    """Makes an account, active at once unless the setting `accounts_active_at_once` is off.

    https://docs.stripe.com/api/accounts/create
    """
    params = call.params
    if "type" in params and "controller" in params:
        raise RefusedParameter(
            "You may only specify one of these parameters: type, controller.", param="controller"
        )
    for name, wanted in params.get("capabilities", {}).items():
        full = f"capabilities[{name}]"
        if name not in ("card_payments", "transfers"):
            raise RefusedParameter(f"This sandbox has no capability {name}.", param=full)
        if not wanted.get("requested", False):
            raise RefusedParameter(f"A new account can only request {name}.", param=full)
    account = new_account(call)
    call.store.insert(account)
    return account


def retrieve(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/accounts/retrieve"""
    account = call.store.get("account", name)
    if account is None:
        raise NoAccess(name)
    return account


def list_(call: Call) -> Json:
    """https://docs.stripe.com/api/accounts/list"""
    return page(call, "account", "/v1/accounts", {})


def list_capabilities(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/capabilities/list"""
    account = retrieve(call, name)
    data = [_capability(account, capability) for capability in account["capabilities"]]
    url = f"/v1/accounts/{name}/capabilities"
    return {"object": "list", "data": data, "has_more": False, "url": url}


def retrieve_capability(call: Call, name: str, capability: str) -> Json:
    """https://docs.stripe.com/api/capabilities/retrieve"""
    account = retrieve(call, name)
    if capability not in account["capabilities"]:
        raise ResourceMissing("capability", capability, "capability", in_path=True)
    return _capability(account, capability)


def create_link(call: Call) -> Json:
    """An address where the account's owner onboards, here a page of the sandbox.

    https://docs.stripe.com/api/account_links/create
    """
    params = call.params
    account = call.load("account", params["account"], "account")
    if params["type"] != "account_onboarding":
        raise RefusedParameter(
            "This sandbox has links of type account_onboarding only.", param="type"
        )
    for name in ("refresh_url", "return_url"):
        if name not in params:
            raise RefusedParameter(f"Missing required param: {name}.", "parameter_missing", name)
    query = urlencode({"return_url": params["return_url"]})
    return {
        "object": "account_link",
        "created": call.now,
        "expires_at": call.now + _LINK_LIFETIME,
        "url": f"{call.origin}/_sandbox/onboarding/{account['id']}?{query}",
    }


def change(call: Call, name: str, wanted: Json) -> Json:
    """What befalls an account outside of our calls, by the sandbox's own endpoint.

    `transfers`: active, inactive or pending · `payouts_enabled` · `disabled_reason` ·
    `currently_due`, `past_due`: lists · `current_deadline`: a time ·
    `pay_out`: its whole available balance goes to its bank ·
    `deauthorized`: it leaves the platform.
    https://docs.stripe.com/connect/handling-api-verification
    """
    account = call.open("account", name)
    _check(wanted)
    before = _apply(account, wanted)
    if before:
        call.store.update(account)
        if "capabilities" in before:
            changed = _capability(account, "transfers")
            was = {"status": before["capabilities"]["transfers"]}
            call.emit("capability.updated", changed, was, account=name)
        call.emit("account.updated", account, before, account=name)
    if wanted.get("pay_out"):
        for currency, amount in balance.sums_of_account(call.store, name)["available"].items():
            call.store.count("paid_out", f"{name} {currency}", max(amount, 0))
    if wanted.get("deauthorized"):
        _leave(call, name)
    return account


def _apply(account: Json, wanted: Json) -> Json:
    """Changes what is named, and returns what was there before where that differs."""
    before: Json = {}
    new = {field: wanted[field] for field in ("payouts_enabled",) if field in wanted}
    if "transfers" in wanted:
        new["capabilities"] = account["capabilities"] | {"transfers": wanted["transfers"]}
    asked = {field: wanted[field] for field in _REQUIREMENTS & wanted.keys()}
    if asked:
        new["requirements"] = account["requirements"] | asked
    for field, value in new.items():
        if account[field] != value:
            before[field] = account[field]
            account[field] = value
    return before


def finish_onboarding(call: Call, name: str) -> Json:
    """The owner has given all that Stripe asked for."""
    account = call.open("account", name)
    account["details_submitted"] = True
    account["requirements"] = requirements()
    call.store.update(account)
    return change(call, name, {"transfers": "active", "payouts_enabled": True})


def _leave(call: Call, name: str) -> None:
    """Its calls are refused from now on. https://docs.stripe.com/connect/oauth-reference#post-deauthorize"""
    call.store.rows("UPDATE object SET kind = 'deauthorized_account' WHERE id = ?", name)
    application = {"id": "ca_sandbox", "object": "application", "name": "Stripe sandbox"}
    call.emit("account.application.deauthorized", application, account=name)


def _check(wanted: Json) -> None:
    sound: dict[str, Any] = {
        "transfers": lambda value: value in _STATUSES,
        "payouts_enabled": lambda value: isinstance(value, bool),
        "disabled_reason": lambda value: value is None or isinstance(value, str),
        "currently_due": lambda value: isinstance(value, list),
        "past_due": lambda value: isinstance(value, list),
        "current_deadline": lambda value: value is None or type(value) is int,
        "pay_out": lambda value: isinstance(value, bool),
        "deauthorized": lambda value: isinstance(value, bool),
    }
    for field, value in wanted.items():
        if field not in sound or not sound[field](value):
            raise InvalidRequest(f"Invalid {field}: {value}", param=field)


def _capability(account: Json, name: str) -> Json:
    return {
        "id": name,
        "object": "capability",
        "account": account["id"],
        "future_requirements": account["future_requirements"],
        "requested": True,
        "requested_at": account["created"],
        "requirements": account["requirements"],
        "status": account["capabilities"][name],
    }


_URL = "/v1/accounts"
_CREATE = "business_profile business_type capabilities controller country email metadata type"
ROUTES = [
    Route("POST", _URL, create, AccountCreateParams, _CREATE),
    Route("GET", _URL, list_, AccountListParams, PAGE),
    Route("GET", f"{_URL}/:id", retrieve, AccountRetrieveParams),
    Route("GET", f"{_URL}/:id/capabilities", list_capabilities, AccountCapabilityListParams),
    Route(
        "GET",
        f"{_URL}/:id/capabilities/:id",
        retrieve_capability,
        AccountCapabilityRetrieveParams,
    ),
    Route(
        "POST",
        "/v1/account_links",
        create_link,
        AccountLinkCreateParams,
        "account refresh_url return_url type",
    ),
]
