"""Taking a transfer back, all or in parts: https://docs.stripe.com/api/transfer_reversals"""

from stripe.params import (
    TransferCreateReversalParams,
    TransferListReversalsParams,
    TransferRetrieveReversalParams,
)

from devstack.stripe_sandbox.errors import InvalidRequest, ResourceMissing
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.lists import PAGE, page
from devstack.stripe_sandbox.metadata import merged
from devstack.stripe_sandbox.money import at_least_one, spoken
from devstack.stripe_sandbox.resources import balance
from devstack.stripe_sandbox.resources.balance import Movement
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json

_SHOWN = 10  # "the 10 most recent reversals are always available by default on the transfer"


def create(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/transfer_reversals/create"""
    transfer = call.open("transfer", name)
    amount = _amount(call, transfer)
    _check_covered(call, transfer, amount)
    reversal: Json = {
        "id": new_id("trr"),
        "object": "transfer_reversal",
        "amount": amount,
        "created": call.now,
        "currency": transfer["currency"],
        "destination_payment_refund": new_id("pyr"),
        "metadata": merged({}, call.params.get("metadata")),
        "source_refund": None,
        "transfer": name,
    }
    moved = Movement(
        "transfer_refund",
        "transfer_reversal",
        reversal["id"],
        amount,
        transfer["currency"],
        pending_until=balance.pending_with(call, transfer["balance_transaction"]),
    )
    reversal["balance_transaction"] = balance.record(call, moved)
    call.store.insert(reversal)
    _show_in(transfer, reversal)
    call.store.update(transfer)
    call.emit("transfer.reversed", transfer)
    return reversal


def retrieve(call: Call, transfer: str, name: str) -> Json:
    """https://docs.stripe.com/api/transfer_reversals/retrieve"""
    found = call.open("transfer_reversal", name)
    if found["transfer"] != transfer:
        raise ResourceMissing("transfer_reversal", name, "id", in_path=True)
    return found


def list_(call: Call, transfer: str) -> Json:
    """https://docs.stripe.com/api/transfer_reversals/list"""
    call.open("transfer", transfer)
    url = f"/v1/transfers/{transfer}/reversals"
    return page(call, "transfer_reversal", url, {"transfer": transfer})


def _amount(call: Call, transfer: Json) -> int:
    left: int = transfer["amount"] - transfer["amount_reversed"]
    if left == 0:
        raise InvalidRequest(f"The transfer {transfer['id']} is already fully reversed.")
    amount = at_least_one(call.params.get("amount", left), "amount")
    if amount > left:
        asked, rest = (spoken(minor, transfer["currency"]) for minor in (amount, left))
        raise InvalidRequest(
            f"Reversal amount ({asked}) is greater than unreversed amount on transfer ({rest})",
            param="amount",
        )
    return amount


def _check_covered(call: Call, transfer: Json, amount: int) -> None:
    """ "Only if the destination account has enough balance to cover the reversal."

    https://docs.stripe.com/connect/separate-charges-and-transfers#reverse-transfers
    """
    held = balance.sums_of_account(call.store, transfer["destination"])
    if balance.held_by(held, transfer["currency"]) < amount:
        raise InvalidRequest(
            "The connected account has insufficient funds to cover this reversal.",
            "balance_insufficient",
        )


def _show_in(transfer: Json, reversal: Json) -> None:
    transfer["amount_reversed"] += reversal["amount"]
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    shown = transfer["reversals"]
    shown["data"].insert(0, reversal)
    shown["has_more"] = shown["has_more"] or len(shown["data"]) > _SHOWN
    del shown["data"][_SHOWN:]


_URL = "/v1/transfers/:id/reversals"
ROUTES = [
    Route("POST", _URL, create, TransferCreateReversalParams, "amount metadata"),
    Route("GET", _URL, list_, TransferListReversalsParams, PAGE),
    Route("GET", f"{_URL}/:id", retrieve, TransferRetrieveReversalParams),
]
