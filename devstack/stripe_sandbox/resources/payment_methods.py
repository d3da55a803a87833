"""Payment methods of type card: https://docs.stripe.com/api/payment_methods"""

from datetime import UTC, datetime
from typing import Any

from stripe.params import (
    CustomerListPaymentMethodsParams,
    PaymentMethodAttachParams,
    PaymentMethodCreateParams,
    PaymentMethodDetachParams,
    PaymentMethodListParams,
    PaymentMethodRetrieveParams,
)

from devstack.stripe_sandbox import cards
from devstack.stripe_sandbox.addresses import whole_address
from devstack.stripe_sandbox.errors import (
    ApiError,
    InvalidRequest,
    RefusedParameter,
    ResourceMissing,
)
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.lists import PAGE, filters, page
from devstack.stripe_sandbox.metadata import merged
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json


def create(call: Call) -> Json:
    """Makes a card of a test number or of a test token.

    https://docs.stripe.com/api/payment_methods/create
    """
    params = call.params
    if params.get("type") != "card":
        raise RefusedParameter("This sandbox has payment methods of type card only.", param="type")
    given = params.get("card")
    if not given:
        raise RefusedParameter("Missing required param: card.", "parameter_missing", "card")
    if "token" in given:
        card = cards.TOKENS.get(given["token"])
        if card is None:
            raise ResourceMissing("token", given["token"], "card[token]")
        method = _of_card(call.now, card)
    else:
        method = _of_card(call.now, *_typed_in(call, given))
    billing = params.get("billing_details", {})
    method["billing_details"] |= {field: value or None for field, value in billing.items()}
    method["billing_details"]["address"] = whole_address(billing.get("address") or None)
    method["metadata"] = merged({}, params.get("metadata"))
    call.store.insert(method)
    return method


def attach(call: Call, name: str) -> Json:
    """Saves a card to a customer.

    Stripe refuses to attach most declining cards; the setting `decline_at_attach` turns that on.
    https://docs.stripe.com/api/payment_methods/attach
    https://docs.stripe.com/testing#declined-payments
    """
    method = _usable(call, name) or call.open("payment_method", name)
    _check_not_detached(call, method)
    owner = call.load("customer", _required(call, "customer"), "customer")
    if method["customer"] not in (None, owner["id"]):
        raise InvalidRequest(
            "The payment method you provided has already been attached to a customer.",
            "payment_method_unexpected_state",
        )
    card = cards.by_fingerprint(method["card"]["fingerprint"])
    if call.settings.decline_at_attach and not card.attaches:
        raise ApiError(
            402, card.message, kind="card_error", code=card.code, decline_code=card.decline_code
        )
    return attach_to(call, method, owner["id"])


def attach_to(call: Call, method: Json, customer: str) -> Json:
    """Writes the customer into a payment method and says so; nothing if it is there already."""
    if method["customer"] != customer:
        method["customer"] = customer
        call.store.update(method)
        call.emit("payment_method.attached", method)
    return method


def detach(call: Call, name: str) -> Json:
    """ "Detachment is permanent and irreversible — once detached, a PaymentMethod can no longer be
    used for payments or re-attached to a Customer."

    https://docs.stripe.com/api/payment_methods/detach
    """
    method = call.open("payment_method", name)
    if method["customer"] is None:
        raise InvalidRequest(
            "The payment method you provided is not attached to a customer so detachment is "
            "impossible.",
            "payment_method_unexpected_state",
        )
    return detach_from(call, method, method["customer"])


def detach_from(call: Call, method: Json, customer: str) -> Json:
    """Takes a payment method off its customer, for ever, and out of the customer's default."""
    method["customer"] = None
    call.store.update(method)
    call.store.count(_DETACHED, method["id"])
    owner = call.store.get("customer", customer)
    if owner and owner["invoice_settings"]["default_payment_method"] == method["id"]:
        before = {"invoice_settings": dict(owner["invoice_settings"])}
        owner["invoice_settings"]["default_payment_method"] = None
        call.store.update(owner)
        call.emit("customer.updated", owner, before)
    call.emit("payment_method.detached", method, {"customer": customer})
    return method


def retrieve(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/payment_methods/retrieve"""
    return call.open("payment_method", name)


def list_(call: Call) -> Json:
    """https://docs.stripe.com/api/payment_methods/list"""
    wanted = filters(call, "customer", "type")
    return page(call, "payment_method", "/v1/payment_methods", wanted)


def list_of_customer(call: Call, customer: str) -> Json:
    """https://docs.stripe.com/api/payment_methods/customer_list"""
    call.open("customer", customer)
    wanted = {"customer": customer, **filters(call, "type")}
    return page(call, "payment_method", f"/v1/customers/{customer}/payment_methods", wanted)


def for_payment(call: Call, name: str, param: str) -> Json:
    """The payment method that a PaymentIntent names; a well-known test id makes a fresh one.

    Raises ResourceMissing (400).
    """
    method = _usable(call, name) or call.load("payment_method", name, param)
    _check_not_detached(call, method)
    return method


_DETACHED = "detached"


def _check_not_detached(call: Call, method: Json) -> None:
    if call.store.rows(
        "SELECT 1 FROM counter WHERE kind = ? AND name = ?", _DETACHED, method["id"]
    ):
        raise InvalidRequest(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer "
            "attachment, shared with a connected account without Customer attachment, or was "
            "detached from a Customer. It may not be used again. To use a PaymentMethod multiple "
            "times, you must attach it to a Customer first.",
            "payment_method_unexpected_state",
        )


def _usable(call: Call, name: str) -> Json | None:
    """A new payment method for a well-known id such as pm_card_visa.

    Each use makes a payment method of its own: https://docs.stripe.com/testing#cards
    """
    card = cards.WELL_KNOWN.get(name)
    if card is None:
        return None
    method = _of_card(call.now, card)
    call.store.insert(method)
    return method


def _required(call: Call, name: str) -> str:
    # The SDK types it as optional because a newer parameter, which we lack, may stand in for it.
    if name not in call.params:
        raise RefusedParameter(f"Missing required param: {name}.", "parameter_missing", name)
    value: str = call.params[name]
    return value


def _typed_in(call: Call, given: Json) -> tuple[cards.TestCard, int, int]:
    for field in ("number", "exp_month", "exp_year"):
        if field not in given:
            full = f"card[{field}]"
            raise RefusedParameter(f"Missing required param: {full}.", "parameter_missing", full)
    today = datetime.fromtimestamp(call.now, UTC)
    month, year = given["exp_month"], given["exp_year"]
    if not 1 <= month <= 12:
        raise _card_error("Your card's expiration month is invalid.", "invalid_expiry_month")
    if (year, month) < (today.year, today.month):
        raise _card_error("Your card's expiration year is invalid.", "invalid_expiry_year")
    return cards.by_number(given["number"]), month, year


def _card_error(message: str, code: str) -> ApiError:
    return ApiError(402, message, kind="card_error", code=code, param=code.removeprefix("invalid_"))


def _of_card(now: int, card: cards.TestCard, month: int = 12, year: int = 0) -> dict[str, Any]:
    checks = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": None}
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": whole_address(None),
            "email": None,
            "name": None,
            "phone": None,
            "tax_id": None,
        },
        "card": {
            "brand": card.brand,
            "checks": checks,
            "country": "US",
            "display_brand": card.brand,
            "exp_month": month,
            "exp_year": year or datetime.fromtimestamp(now, UTC).year + 3,
            "fingerprint": card.fingerprint,
            "funding": "credit",
            "generated_from": None,
            "last4": card.number[-4:],
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


_URL = "/v1/payment_methods"
ROUTES = [
    Route("POST", _URL, create, PaymentMethodCreateParams, "type card billing_details metadata"),
    Route("GET", _URL, list_, PaymentMethodListParams, f"{PAGE} customer type"),
    Route("GET", f"{_URL}/:id", retrieve, PaymentMethodRetrieveParams),
    Route("POST", f"{_URL}/:id/attach", attach, PaymentMethodAttachParams, "customer"),
    Route("POST", f"{_URL}/:id/detach", detach, PaymentMethodDetachParams),
    Route(
        "GET",
        "/v1/customers/:id/payment_methods",
        list_of_customer,
        CustomerListPaymentMethodsParams,
        f"{PAGE} type",
    ),
]
