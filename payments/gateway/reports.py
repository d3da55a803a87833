"""What Stripe says has happened to our money: its balance, what moved it, and the intents.

https://docs.stripe.com/reports/balance-transaction-types
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import stripe

from payments.errors import StripeUnavailable
from payments.gateway.answers import client, refuse_in_transaction


@dataclass(frozen=True)
class Movement:
    """A balance transaction: `net` minor units that came into our balance, or left it.

    `reference` is the object that an operation of ours would go by: what a charge and the fee
    given back after its partial capture have in common is their PaymentIntent.
    """

    id: str
    type: str
    reference: str
    order_id: UUID | None
    operation_id: UUID | None
    net: int
    currency: str
    created_at: datetime


@dataclass(frozen=True)
class Intent:
    """A PaymentIntent, as far as it says what is held and for whom."""

    id: str
    status: str
    amount: int
    currency: str
    order_id: UUID | None
    operation_id: UUID | None
    env: str


def movements(since: datetime | None = None, until: datetime | None = None) -> Iterator[Movement]:
    """What moved our balance in that time, newest first. Raises StripeUnavailable.

    https://docs.stripe.com/api/balance_transactions/list
    """
    with _read("balance transactions"):
        yield from _movements(_created(since, until))


def movements_of(reference: str) -> list[Movement]:
    """What moved our balance on account of one object. Raises StripeUnavailable."""
    try:
        with _read(f"what moved by {reference}"):
            sources = _sources(reference)
            found = [one for source in sources for one in _movements({"source": source})]
    except _Missing:
        return []
    # Of the refunds of a charge only the uncaptured rest belongs to it.
    return [one for one in found if one.reference == reference]


def balance() -> dict[str, int]:
    """Our balance now, available and pending together, in minor units by currency.

    Raises StripeUnavailable. https://docs.stripe.com/api/balance/balance_retrieve
    """
    with _read("the balance"):
        now: Any = client().v1.balance.retrieve()
    sums: dict[str, int] = {}
    for part in (*now.available, *now.pending):
        currency = part.currency.upper()
        sums[currency] = sums.get(currency, 0) + part.amount
    return sums


def intents(since: datetime, until: datetime) -> Iterator[Intent]:
    """PaymentIntents made in that time, newest first. Raises StripeUnavailable.

    https://docs.stripe.com/api/payment_intents/list
    """
    with _read("PaymentIntents"):
        wanted: Any = _created(since, until) | {"limit": 100}
        for one in client().v1.payment_intents.list(wanted).auto_paging_iter():
            yield _intent(one)


def intent(name: str) -> Intent | None:
    """One PaymentIntent; None when Stripe knows none of that id. Raises StripeUnavailable."""
    try:
        with _read(name):
            return _intent(client().v1.payment_intents.retrieve(name))
    except _Missing:
        return None


class _Missing(StripeUnavailable):
    """Stripe knows no such object."""


@contextmanager
def _read(what: str) -> Iterator[None]:
    refuse_in_transaction()
    try:
        yield
    except stripe.InvalidRequestError as error:
        if error.code == "resource_missing":
            raise _Missing(f"Stripe knows nothing of {what}.") from error
        raise StripeUnavailable(f"{what} could not be read: {error}") from error
    except stripe.StripeError as error:
        raise StripeUnavailable(f"{what} could not be read: {error}") from error


def _movements(wanted: dict[str, Any]) -> Iterator[Movement]:
    params: Any = wanted | {"limit": 100, "expand": ["data.source"]}
    for one in client().v1.balance_transactions.list(params).auto_paging_iter():
        yield _movement(one)


def _sources(reference: str) -> Iterable[str]:
    """The ids by which balance transactions of an object are listed."""
    if not reference.startswith("pi_"):
        return [reference]
    charge = client().v1.payment_intents.retrieve(reference).latest_charge
    if not isinstance(charge, str):
        return []
    refunds = client().v1.refunds.list({"charge": charge, "limit": 100})
    return [charge, *(refund.id for refund in refunds.auto_paging_iter())]


def _movement(one: stripe.BalanceTransaction) -> Movement:
    source: Any = one.source
    reference = getattr(source, "id", None) or source or one.id
    if one.type == "charge" or one.reporting_category == "partial_capture_reversal":
        reference = getattr(source, "payment_intent", None) or reference
    metadata = getattr(source, "metadata", None)
    group = getattr(source, "transfer_group", None)
    return Movement(
        id=one.id,
        type=one.type,
        reference=reference,
        order_id=_uuid(getattr(metadata, "order_id", None) or group),
        operation_id=_uuid(getattr(metadata, "operation_id", None)),
        net=one.net,
        currency=one.currency.upper(),
        created_at=datetime.fromtimestamp(one.created, UTC),
    )


def _intent(one: stripe.PaymentIntent) -> Intent:
    return Intent(
        id=one.id,
        status=one.status,
        amount=one.amount,
        currency=one.currency.upper(),
        order_id=_uuid(getattr(one.metadata, "order_id", None)),
        operation_id=_uuid(getattr(one.metadata, "operation_id", None)),
        env=getattr(one.metadata, "env", None) or "",
    )


def _created(since: datetime | None, until: datetime | None) -> dict[str, Any]:
    bounds = {"gte": since, "lt": until}
    wanted = {name: int(moment.timestamp()) for name, moment in bounds.items() if moment}
    return {"created": wanted} if wanted else {}


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(str(value)) if value else None
    except ValueError:
        return None
