"""Posting: open accounts as they are needed, and write one journal with all of its legs."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from escrow.chart import NATURES, Code, Layer, Side
from escrow.models import Account, Entry, Journal, JournalKind


class Leg(NamedTuple):
    """One side of a posting, in minor units of the journal's currency."""

    account_id: int
    layer: Layer
    side: Side
    amount: int


def open_accounts_of_order(order_id: UUID, codes: Iterable[Code], currency: str) -> dict[Code, int]:
    """The ids of these accounts of the order, opened where they aren't yet, in one statement.

    Sorted, because the statement locks accounts that are open already one after the other.
    """
    accounts = Account.objects.bulk_create(
        (
            Account(code=code, order_id=order_id, currency=currency, **NATURES[code]._asdict())
            for code in sorted(codes)
        ),
        update_conflicts=True,
        unique_fields=["code", "owner", "order_id", "currency"],
        # Changes nothing: it is there so that the ids of accounts already open come back too.
        update_fields=["no_overdraft"],
    )
    return {Code(account.code): account.id for account in accounts}


def post(
    *,
    key: str,
    kind: JournalKind,
    order_id: UUID,
    currency: str,
    legs: Iterable[Leg],
    operation_id: UUID | None = None,
    reverses: int | None = None,
) -> None:
    """Write a journal with its legs. The database refuses one that is unbalanced or overdraws.

    All legs go in one statement (the database judges a journal after each), in the order of their
    accounts' ids, so that two postings lock accounts in one order.
    """
    journal = Journal.objects.create(
        key=key, kind=kind, order_id=order_id, operation_id=operation_id, reverses_id=reverses
    )
    Entry.objects.bulk_create(
        Entry(journal=journal, currency=currency, **leg._asdict()) for leg in sorted(legs)
    )
