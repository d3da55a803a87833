"""Transfers to connected accounts, and taking them back.

https://docs.stripe.com/connect/separate-charges-and-transfers
"""

from datetime import datetime
from typing import Any

from payments.gateway.answers import Outcome, Reply, ask, client, look, made_by


def transfer(key: str, params: dict[str, Any]) -> Reply:
    """Send a share of a captured charge to a connected account. With `source_transaction` it does
    not wait for the platform's balance. https://docs.stripe.com/api/transfers/create
    """
    return ask(
        lambda: client().v1.transfers.create(
            params,  # type: ignore[arg-type]
            {"idempotency_key": key},
        ),
        _made,
    )


def reverse(key: str, params: dict[str, Any]) -> Reply:
    """Take a whole transfer back out of the connected account's balance, if that reaches.

    https://docs.stripe.com/api/transfer_reversals/create
    """
    return ask(
        lambda: client().v1.transfers.reversals.create(
            params["transfer"],
            {"amount": params["amount"], "metadata": params["metadata"]},
            {"idempotency_key": key},
        ),
        _made,
    )


def find_transfer(params: dict[str, Any], operation_id: str, since: datetime) -> Reply:
    """Look for what a transfer created, among those of its order."""
    group = {"transfer_group": params["transfer_group"], "limit": 100}

    def read() -> Any:
        page = client().v1.transfers.list(group)  # type: ignore[arg-type]
        return made_by(operation_id, page.auto_paging_iter())

    return look(read, _made)


def find_reversal(params: dict[str, Any], operation_id: str, since: datetime) -> Reply:
    """Look for what a reversal created, among those of its transfer."""

    def read() -> Any:
        page = client().v1.transfers.reversals.list(params["transfer"], {"limit": 100})
        return made_by(operation_id, page.auto_paging_iter())

    return look(read, _made)


def _made(thing: Any) -> Reply:
    return Reply(Outcome.SUCCEEDED, object_id=thing.id)
