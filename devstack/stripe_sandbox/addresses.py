"""Addresses as Stripe gives them back: every field there, the unknown ones null."""

from typing import Any

_FIELDS = ("city", "country", "line1", "line2", "postal_code", "state")


def whole_address(given: dict[str, Any] | None) -> dict[str, Any]:
    """The address with all six fields; https://docs.stripe.com/api/customers/object#address"""
    return {field: (given or {}).get(field) or None for field in _FIELDS}


def whole_shipping(given: dict[str, Any] | str | None) -> dict[str, Any] | None:
    """Shipping details with a whole address; https://docs.stripe.com/api/charges/object#shipping"""
    if not isinstance(given, dict):
        return None
    empty = {"carrier": None, "name": None, "phone": None, "tracking_number": None}
    return empty | given | {"address": whole_address(given.get("address"))}
