"""Posting: open accounts as they are needed, and write one journal with all of its legs."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q

from escrow.chart import CAMPUS_WIDE, NATURES, Code, Layer, Side
from escrow.models import Account, Entry, Hold, Journal, JournalKind


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


def key_of(order_id: UUID, kind: JournalKind, of: str = "") -> str:
    """The key under which this happens once to an order (or once `of` a payee or an operation)."""
    return f"order:{order_id}:{kind}" + (f":{of}" if of else "")


def booked(key: str) -> bool:
    """Whether the journal of this key is written."""
    return Journal.objects.filter(key=key).exists()


class Line(NamedTuple):
    """A leg before its account is known: `owner` is whoever is paid or owes, where somebody is."""

    code: Code
    side: Side
    amount: int
    owner: UUID | None = None
    layer: Layer = Layer.POSTED


def book(
    *,
    key: str,
    kind: JournalKind,
    order_id: UUID,
    currency: str,
    lines: Iterable[Line],
    operation_id: UUID | None = None,
) -> None:
    """Write a journal of an order; lines of nothing are left out, accounts opened as needed."""
    needed = [line for line in lines if line.amount]
    accounts = _accounts(order_id, currency, {(line.code, line.owner) for line in needed})
    post(
        key=key,
        kind=kind,
        order_id=order_id,
        currency=currency,
        operation_id=operation_id,
        legs=[
            Leg(accounts[line.code, line.owner], line.layer, line.side, line.amount)
            for line in needed
        ],
    )


def book_once(hold: Hold, kind: JournalKind, of: UUID, lines: Iterable[Line]) -> bool:
    """Book it unless it is booked `of` this operation or dispute; whether it was not. The hold is
    locked."""
    key = key_of(hold.order_id, kind, str(of))
    if booked(key):
        return False
    book(
        key=key,
        kind=kind,
        order_id=hold.order_id,
        currency=hold.currency,
        operation_id=of,
        lines=lines,
    )
    return True


def mirrored(legs: Iterable[Entry]) -> list[Leg]:
    """The same legs on their other sides."""
    return [
        Leg(entry.account_id, Layer(entry.layer), Side(entry.side).opposite, entry.amount)
        for entry in legs
    ]


def _accounts(
    order_id: UUID, currency: str, wanted: set[tuple[Code, UUID | None]]
) -> dict[tuple[Code, UUID | None], int]:
    """The ids of these accounts. Those that are open are only read: the whole campus shares some,
    and whoever updated them would make everybody else wait for the COMMIT."""
    found = _open(order_id, currency, wanted)
    if missing := wanted - found.keys():
        Account.objects.bulk_create(
            (
                Account(
                    code=code,
                    owner=owner,
                    order_id=None if code in CAMPUS_WIDE else order_id,
                    currency=currency,
                    **NATURES[code]._asdict(),
                )
                for code, owner in sorted(missing, key=str)
            ),
            ignore_conflicts=True,
        )
        found = _open(order_id, currency, wanted)
    return found


def _open(
    order_id: UUID, currency: str, wanted: set[tuple[Code, UUID | None]]
) -> dict[tuple[Code, UUID | None], int]:
    campus_wide = Q(order_id=None, owner=None, code__in=CAMPUS_WIDE)
    accounts = Account.objects.filter(Q(order_id=order_id) | campus_wide, currency=currency)
    ids = {
        (Code(code), owner): id_ for id_, code, owner in accounts.values_list("id", "code", "owner")
    }
    return {one: ids[one] for one in wanted if one in ids}
