"""Differences between us and Stripe, made on purpose, for reconciliation to find.

What is planted happens without a word: no event tells of it, unless `events` is true. Nothing here
is documented by Stripe; these are the accidents that reconciliation exists for.
"""

from collections.abc import Callable

from devstack.stripe_sandbox.errors import InvalidRequest, ResourceMissing
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.resources import balance, payment_intents, refunds, transfers
from devstack.stripe_sandbox.resources.balance import Movement
from devstack.stripe_sandbox.routes import Call
from devstack.stripe_sandbox.store import Json

_INTENT: Json = {
    "amount": 1600,
    "currency": "usd",
    "capture_method": "manual",
    "confirm": True,
    "off_session": True,
    "payment_method": "pm_card_visa",
}
# What of an object follows its amount, where it was equal to it.
_AMOUNTS = ("amount_captured", "amount_received", "amount_capturable")


def plant(call: Call, what: str, wanted: Json) -> Json:
    """Plants one thing and returns the object.

    `intent`, `refund`, `transfer`: made as their endpoints make them, with the same parameters ·
    `double`: the `transfer` of that id a second time, beyond every limit ·
    `change`: the object of that `id` gets the fields in `set`, its amount or currency together with
    its charge and balance transaction · `forget`: the object of that `id` was never there.
    """
    if what not in _WHAT:
        raise InvalidRequest(f"{what} can't be planted; only {', '.join(_WHAT)} can.")
    quiet = not wanted.pop("events", False)
    return _WHAT[what](call.with_params(wanted, quiet=quiet))


def _intent(call: Call) -> Json:
    """A hold that nobody here has asked for; with `capture_method` automatic, a sale."""
    return payment_intents.create(call.with_params(_INTENT | call.params))


def _double(call: Call) -> Json:
    name = call.params.get("transfer", "")
    transfer = call.open("transfer", name)
    copy = transfer | {"id": new_id("tr"), "created": call.now, "destination_payment": new_id("py")}
    copy["reversals"] = transfer["reversals"] | {"url": f"/v1/transfers/{copy['id']}/reversals"}
    moved = Movement("transfer", "transfer", copy["id"], -copy["amount"], copy["currency"])
    copy["balance_transaction"] = balance.record(call, moved)
    call.store.insert(copy)
    call.emit("transfer.created", copy)
    return copy


def _change(call: Call) -> Json:
    obj, new = _any(call), call.params.get("set")
    if not isinstance(new, dict) or not new:
        raise InvalidRequest("set must name the fields to change.", param="set")
    charge = call.store.get("charge", obj.get("latest_charge") or "")
    for one in filter(None, (obj, charge)):
        together = {name: new[name] for name in ("amount", "currency") if name in new}
        if "amount" in new:
            same = [name for name in _AMOUNTS if one.get(name) == one["amount"]]
            together |= dict.fromkeys(same, new["amount"])
        one |= together | (new if one is obj else {})
        call.store.update(one)
        _change_movement(call, one, new)
    return obj


def _change_movement(call: Call, obj: Json, new: Json) -> None:
    found = call.store.get("balance_transaction", obj.get("balance_transaction") or "")
    if found is None:
        return
    found["currency"] = new.get("currency", found["currency"])
    if "amount" in new:
        found["amount"] = new["amount"] if found["amount"] > 0 else -new["amount"]
        found["net"] = found["amount"] - found["fee"]
    call.store.update(found)


def _forget(call: Call) -> Json:
    obj = _any(call)
    call.store.rows(
        "DELETE FROM object WHERE id = ? OR (kind = 'balance_transaction' "
        "AND json_extract(body, '$.source') = ?)",
        obj["id"],
        obj["id"],
    )
    return obj


def _any(call: Call) -> Json:
    name = call.params.get("id", "")
    kind = call.store.kind_of(name)
    if not kind:
        raise ResourceMissing("object", name, "id", in_path=True)
    return call.load(kind, name, "id")


_WHAT: dict[str, Callable[[Call], Json]] = {
    "intent": _intent,
    "refund": refunds.create,
    "transfer": transfers.create,
    "double": _double,
    "change": _change,
    "forget": _forget,
}
