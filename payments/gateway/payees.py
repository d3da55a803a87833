"""Connected accounts, transfers to them, and taking those back.

https://docs.stripe.com/connect/separate-charges-and-transfers
"""

from dataclasses import dataclass
from datetime import UTC, datetime
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


@dataclass(frozen=True)
class AccountState:
    """What a connected account may receive (active, inactive or pending), and why it may not."""

    transfers: str
    disabled_reason: str = ""
    #: It left the platform, or was closed.
    gone: bool = False


@dataclass(frozen=True)
class Link:
    """Where an account's owner tells Stripe what it wants to know, and until when."""

    url: str
    expires_at: datetime


def register_payee(email: str, key: str = "") -> tuple[str, str]:
    """Create a connected account that asks to receive transfers; its id, and what Stripe says of
    that capability: active, inactive or pending. No money moves, so no operation is written; under
    the same `key` there is one account, however often it is asked for.

    Raises StripeUnavailable when in doubt. https://docs.stripe.com/api/accounts/create
    """
    refuse_in_transaction()
    try:
        account = client().v1.accounts.create(
            {"type": "express", "email": email, "capabilities": {"transfers": {"requested": True}}},
            {"idempotency_key": key} if key else {},
        )
    except stripe.StripeError as error:
        raise StripeUnavailable(f"{email} could not be registered: {error}") from error
    capabilities = account.capabilities
    return account.id, (capabilities.transfers if capabilities else None) or "inactive"


def onboarding_link(account: str, return_url: str) -> Link:
    """A page of Stripe's where the account's owner gives what is missing; it then leads to
    `return_url`, and so does a link that has expired. Good once, for minutes: never stored.

    Raises StripeUnavailable. https://docs.stripe.com/api/account_links/create
    """
    refuse_in_transaction()
    try:
        link = client().v1.account_links.create(
            {
                "account": account,
                "type": "account_onboarding",
                "return_url": return_url,
                "refresh_url": return_url,
            }
        )
    except stripe.StripeError as error:
        raise StripeUnavailable("Stripe gives no page for this account now; try again.") from error
    return Link(link.url, datetime.fromtimestamp(link.expires_at, UTC))


def read_account(account: str) -> AccountState:
    """What Stripe says now of an account and of its capability to receive transfers.

    Raises StripeUnavailable when in doubt. https://docs.stripe.com/api/accounts/retrieve
    """
    refuse_in_transaction()
    try:
        found = client().v1.accounts.retrieve(account)
    except stripe.StripeError as error:
        # https://docs.stripe.com/connect/oauth-reference#post-deauthorize: it is not ours to see.
        if error.http_status == 403 or error.code == "resource_missing":
            return AccountState("inactive", "deauthorized", gone=True)
        raise StripeUnavailable(f"{account} could not be read: {error}") from error
    capabilities, wanted = found.capabilities, found.requirements
    return AccountState(
        (capabilities.transfers if capabilities else None) or "inactive",
        (wanted.disabled_reason if wanted else None) or "",
    )


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
