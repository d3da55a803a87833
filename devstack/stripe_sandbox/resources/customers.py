"""Customers: https://docs.stripe.com/api/customers"""

from typing import Any

from stripe.params import (
    CustomerCreateParams,
    CustomerDeleteParams,
    CustomerListParams,
    CustomerRetrieveParams,
    CustomerUpdateParams,
)

from devstack.stripe_sandbox.addresses import whole_address, whole_shipping
from devstack.stripe_sandbox.errors import InvalidRequest
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.lists import PAGE, filters, page
from devstack.stripe_sandbox.metadata import merged
from devstack.stripe_sandbox.resources import payment_methods
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json

_PLAIN = ("address", "description", "email", "name", "phone", "shipping", "tax_exempt")


def create(call: Call) -> Json:
    """https://docs.stripe.com/api/customers/create"""
    customer = _blank(call.now)
    _apply(call, customer)
    call.store.insert(customer)
    call.emit("customer.created", customer)
    return customer


def update(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/customers/update"""
    customer = call.open("customer", name)
    before = dict(customer)
    _apply(call, customer)
    call.store.update(customer)
    changed = {key: before[key] for key in customer if customer[key] != before[key]}
    if changed:
        call.emit("customer.updated", customer, changed)
    return customer


def retrieve(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/customers/retrieve"""
    deleted = call.store.get("deleted_customer", name)
    return deleted or call.open("customer", name)


def delete(call: Call, name: str) -> Json:
    """It can still be retrieved, marked as deleted; its cards are gone.

    https://docs.stripe.com/api/customers/delete
    """
    customer = call.open("customer", name)
    for method in call.store.find("payment_method", limit=100, fields={"customer": name}):
        payment_methods.detach_from(call, method, name)
    call.emit("customer.deleted", customer)
    gone: Json = {"id": name, "object": "customer", "deleted": True}
    call.store.update(gone)
    call.store.rows("UPDATE object SET kind = 'deleted_customer' WHERE id = ?", name)
    return gone


def list_(call: Call) -> Json:
    """https://docs.stripe.com/api/customers/list"""
    return page(call, "customer", "/v1/customers", filters(call, "email"))


def _apply(call: Call, customer: Json) -> None:
    """Sets what the parameters name; an empty string unsets a field."""
    params = call.params
    for field in _PLAIN:
        if field in params:
            customer[field] = params[field] or None
    customer["address"] = customer["address"] and whole_address(customer["address"])
    customer["shipping"] = whole_shipping(customer["shipping"])
    customer["metadata"] = merged(customer["metadata"], params.get("metadata"))
    default = params.get("invoice_settings", {}).get("default_payment_method")
    if default is not None:
        _check_owned(call, customer, default)
        customer["invoice_settings"] = {
            **customer["invoice_settings"],
            "default_payment_method": default or None,
        }


def _check_owned(call: Call, customer: Json, payment_method: str) -> None:
    if not payment_method:
        return
    param = "invoice_settings[default_payment_method]"
    owner = call.load("payment_method", payment_method, param)["customer"]
    if owner != customer["id"]:
        raise InvalidRequest(
            f"The customer does not have a payment method with the ID {payment_method}. "
            "The payment method must be attached to the customer.",
            code="resource_missing",
            param=param,
        )


def _blank(now: int) -> dict[str, Any]:
    name = new_id("cus", 14)
    return {
        "id": name,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": name[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


_FIELDS = " ".join((*_PLAIN, "metadata", "invoice_settings"))
ROUTES = [
    Route("POST", "/v1/customers", create, CustomerCreateParams, _FIELDS),
    Route("GET", "/v1/customers", list_, CustomerListParams, f"{PAGE} email"),
    Route("GET", "/v1/customers/:id", retrieve, CustomerRetrieveParams),
    Route("POST", "/v1/customers/:id", update, CustomerUpdateParams, _FIELDS),
    Route("DELETE", "/v1/customers/:id", delete, CustomerDeleteParams),
]
