"""Expanding objects: https://docs.stripe.com/api/expanding_objects"""

from typing import Any

from devstack.stripe_sandbox.errors import InvalidRequest
from devstack.stripe_sandbox.store import Json, Store

_ANY = ""
# Which fields hold the id of another object, and of what kind that is.
_EXPANDABLE: dict[str, dict[str, str]] = {
    "payment_intent": {
        "customer": "customer",
        "latest_charge": "charge",
        "payment_method": "payment_method",
    },
    "charge": {
        "balance_transaction": "balance_transaction",
        "customer": "customer",
        "payment_intent": "payment_intent",
    },
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "radar.early_fraud_warning": {"charge": "charge", "payment_intent": "payment_intent"},
    "payout": {
        "balance_transaction": "balance_transaction",
        "failure_balance_transaction": "balance_transaction",
    },
    "refund": {
        "balance_transaction": "balance_transaction",
        "charge": "charge",
        "failure_balance_transaction": "balance_transaction",
        "payment_intent": "payment_intent",
    },
    "transfer": {
        "balance_transaction": "balance_transaction",
        "destination": "account",
        "source_transaction": "charge",
    },
    "setup_intent": {
        "customer": "customer",
        "latest_attempt": "setup_attempt",
        "payment_method": "payment_method",
    },
    "setup_attempt": {"payment_method": "payment_method", "setup_intent": "setup_intent"},
    "transfer_reversal": {
        "balance_transaction": "balance_transaction",
        "transfer": "transfer",
    },
    "balance_transaction": {"source": _ANY},
    "capability": {"account": "account"},
    "payment_method": {"customer": "customer"},
    "invoice_settings": {"default_payment_method": "payment_method"},
}
_MAX_DEPTH = 4


def expanded(store: Store, obj: Json, paths: list[str]) -> Json:
    """The object with the ids at these dotted paths replaced by the objects themselves.

    Raises InvalidRequest for a path that cannot be expanded, as Stripe does.
    """
    for path in paths:
        parts = path.split(".")
        if len(parts) > _MAX_DEPTH:
            raise InvalidRequest(
                f"You cannot expand more than {_MAX_DEPTH} levels of a property "
                f"(Property: {path}).",
                param="expand",
            )
        _expand(store, obj, obj.get("object", ""), parts, path)
    return obj


def _expand(store: Store, node: Any, kind: str, parts: list[str], path: str) -> None:
    if not parts or node is None:
        return
    head, rest = parts[0], parts[1:]
    if kind == "list" and head == "data":
        for item in node["data"]:
            _expand(store, item, item["object"], rest, path)
        return
    if head in _EXPANDABLE and isinstance(node.get(head), dict) and "object" not in node[head]:
        _expand(store, node[head], head, rest, path)
        return
    target = _EXPANDABLE.get(kind, {}).get(head)
    if target is None:
        raise InvalidRequest(f"This property cannot be expanded ({path}).", param="expand")
    if isinstance(node.get(head), str):
        node[head] = store.get(target or store.kind_of(node[head]), node[head])
    inner = node.get(head)
    _expand(store, inner, target or (inner or {}).get("object", ""), rest, path)
