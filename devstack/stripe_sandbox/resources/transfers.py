"""Transfers to connected accounts.

https://docs.stripe.com/connect/separate-charges-and-transfers
"""

from stripe.params import TransferCreateParams, TransferListParams, TransferRetrieveParams

from devstack.stripe_sandbox.errors import InvalidRequest, RefusedParameter, ResourceMissing
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.lists import PAGE, filters, page
from devstack.stripe_sandbox.metadata import merged
from devstack.stripe_sandbox.money import at_least_one, spoken
from devstack.stripe_sandbox.resources import balance
from devstack.stripe_sandbox.resources.balance import Movement
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json


def create(call: Call) -> Json:
    """Moves money to a connected account: out of a charge, or out of the available balance.

    https://docs.stripe.com/api/transfers/create
    """
    params = call.params
    if "amount" not in params:  # the SDK's type has it optional
        raise RefusedParameter("Missing required param: amount.", "parameter_missing", "amount")
    amount = at_least_one(params["amount"], "amount")
    metadata = merged({}, params.get("metadata"))
    _check_destination(call)
    charge = _source(call, amount) if "source_transaction" in params else None
    if charge is None:
        _check_available(call, amount)
    transfer = _blank(call, amount) | {
        "metadata": metadata,
        "transfer_group": _group(call, charge),
    }
    until = balance.pending_with(call, charge["balance_transaction"]) if charge else None
    moved = Movement(
        "transfer", "transfer", transfer["id"], -amount, params["currency"], pending_until=until
    )
    transfer["balance_transaction"] = balance.record(call, moved)
    call.store.insert(transfer)
    call.emit("transfer.created", transfer)
    return transfer


def retrieve(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/transfers/retrieve"""
    return call.open("transfer", name)


def list_(call: Call) -> Json:
    """https://docs.stripe.com/api/transfers/list"""
    return page(call, "transfer", "/v1/transfers", filters(call, "destination", "transfer_group"))


def _check_destination(call: Call) -> None:
    """https://docs.stripe.com/connect/account-capabilities#transfers"""
    name = call.params["destination"]
    account = call.store.get("account", name)
    if account is None:
        raise ResourceMissing("destination", name, "destination")
    if account["capabilities"].get("transfers") != "active":
        raise InvalidRequest(
            "Your destination account needs to have at least one of the following capabilities "
            "enabled: transfers, crypto_transfers, legacy_payments",
            "insufficient_capabilities_for_transfer",
        )


def _source(call: Call, amount: int) -> Json:
    """The charge to transfer from, if its captured money suffices for all transfers from it.

    What was transferred and reversed counts as well: the stricter reading of the documentation.
    https://docs.stripe.com/connect/separate-charges-and-transfers#transfer-availability
    """
    name, currency = call.params["source_transaction"], call.params["currency"]
    charge = call.load("charge", name, "source_transaction")
    if not charge["captured"]:
        raise InvalidRequest(
            "You cannot use an uncaptured charge as a source_transaction.",
            param="source_transaction",
        )
    if currency != charge["currency"]:
        raise InvalidRequest(
            f"The currency of source_transaction's balance transaction ({charge['currency']}) must "
            f"be the same as the transfer currency ({currency})",
            param="currency",
        )
    ((used, count),) = call.store.rows(
        "SELECT coalesce(sum(json_extract(body, '$.amount')), 0), count(*) FROM object "
        "WHERE kind = 'transfer' AND json_extract(body, '$.source_transaction') = ?",
        name,
    )
    if used + amount > charge["amount_captured"]:
        limit, spent = (spoken(n, currency) for n in (charge["amount_captured"], used))
        already = f" (There is already a transfer using this source, amounting to {spent}.)"
        raise InvalidRequest(
            "Transfers using this transaction as a source must not exceed the source amount of "
            f"{limit}.{already if count else ''}"
        )
    return charge


def _check_available(call: Call, amount: int) -> None:
    """https://docs.stripe.com/error-codes#balance-insufficient"""
    if balance.sums(call.store)["available"].get(call.params["currency"], 0) < amount:
        raise InvalidRequest(
            "You have insufficient available funds in your Stripe account. Try adding funds "
            "directly to your available balance by creating Charges using the 4000000000000077 "
            "test card. See: https://stripe.com/docs/testing#available-balance",
            "balance_insufficient",
        )


def _group(call: Call, charge: Json | None) -> str | None:
    """The transfer's group: with a source it is the charge's, made up if that has none.

    https://docs.stripe.com/connect/separate-charges-and-transfers#transfer-options
    """
    given: str | None = call.params.get("transfer_group")
    if charge is None:
        return given
    kept: str | None = charge["transfer_group"]
    if given and kept and given != kept:
        raise InvalidRequest(
            f"The transfer_group of the source_transaction is {kept}.", param="transfer_group"
        )
    if kept is None:
        charge["transfer_group"] = given or f"group_{charge['payment_intent']}"
        call.store.update(charge)
    group: str = charge["transfer_group"]
    return group


def _blank(call: Call, amount: int) -> Json:
    name = new_id("tr")
    return {
        "id": name,
        "object": "transfer",
        "amount": amount,
        "amount_reversed": 0,
        "created": call.now,
        "currency": call.params["currency"],
        "description": call.params.get("description"),
        "destination": call.params["destination"],
        "destination_payment": new_id("py"),
        "livemode": False,
        "reversals": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/transfers/{name}/reversals",
        },
        "reversed": False,
        "source_transaction": call.params.get("source_transaction"),
        "source_type": "card",
    }


_URL = "/v1/transfers"
_CREATE = "amount currency description destination metadata source_transaction transfer_group"
ROUTES = [
    Route("POST", _URL, create, TransferCreateParams, _CREATE),
    Route("GET", _URL, list_, TransferListParams, f"{PAGE} destination transfer_group"),
    Route("GET", f"{_URL}/:id", retrieve, TransferRetrieveParams),
]
