"""Connected accounts, transfers to them, and taking those back.

https://docs.stripe.com/connect/separate-charges-and-transfers
"""

from datetime import datetime
from typing import Any

import stripe

from payments.errors import StripeUnavailable
from payments.gateway.answers import (
    Outcome,
    Reply,
    ask,
    client,
    look,
    made_by,
    refuse_in_transaction,
)


def register_payee(email: str) -> tuple[str, str]:
    """Create a connected account that asks to receive transfers; its id, and what Stripe says of
    that capability: active, inactive or pending. No money moves, so no operation is written.

    Raises StripeUnavailable when in doubt. https://docs.stripe.com/api/accounts/create
    """
    refuse_in_transaction()
    try:
        account = client().v1.accounts.create(
            {"type": "express", "email": email, "capabilities": {"transfers": {"requested": True}}}
        )
    except stripe.StripeError as error:
        raise StripeUnavailable(f"{email} could not be registered: {error}") from error
    capabilities = account.capabilities
    return account.id, (capabilities.transfers if capabilities else None) or "inactive"


def transfers_of(account: str) -> str:
    """What Stripe says now of an account's capability to receive transfers: active, inactive or
    pending; of an account that has left us, inactive.

    Raises StripeUnavailable when in doubt. https://docs.stripe.com/api/accounts/retrieve
    """
    refuse_in_transaction()
    try:
        capabilities = client().v1.accounts.retrieve(account).capabilities
    except (stripe.PermissionError, stripe.InvalidRequestError):
        return "inactive"
    except stripe.StripeError as error:
        raise StripeUnavailable(f"{account} could not be read: {error}") from error
    return (capabilities.transfers if capabilities else None) or "inactive"


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
