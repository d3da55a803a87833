"""Paying out what we owe, and taking it back."""

from uuid import UUID

from django.db import transaction

from escrow.balances import balance
from escrow.chart import Code, Side
from escrow.ledger import Line, book, booked, key_of
from escrow.models import Hold, JournalKind
from escrow.settling import locked
from events.services import record


def drawn(hold: Hold, code: Code, owner: UUID | None, amount: int) -> list[Line]:
    """Take `amount` from what we owe `owner`; what goes beyond it they owe us. Needs `locked`."""
    owed = min(amount, balance(code, order_id=hold.order_id, owner=owner))
    return [
        Line(code, Side.DEBIT, owed, owner=owner),
        Line(Code.PAYEE_RECEIVABLE, Side.DEBIT, amount - owed, owner=owner),
    ]


def restored(hold: Hold, code: Code, owner: UUID | None, amount: int) -> list[Line]:
    """Owe `owner` this much again; what they owe us is settled first. Needs `locked`."""
    settled = min(amount, balance(Code.PAYEE_RECEIVABLE, order_id=hold.order_id, owner=owner))
    return [
        Line(Code.PAYEE_RECEIVABLE, Side.CREDIT, settled, owner=owner),
        Line(code, Side.CREDIT, amount - settled, owner=owner),
    ]


@transaction.atomic(savepoint=False)
def pay_out(
    *, order_id: UUID, owner: UUID, code: Code | str, amount: int, operation_id: UUID
) -> None:
    """Book a transfer that Stripe has made: we owe `owner` so much less on the payable `code`.

    What they are paid beyond what they are owed, they owe us again: money that is gone must be in
    the books. Records `payout.paid`; once per order and payable. Raises NoHold.
    """
    hold = locked(order_id)
    key = key_of(order_id, JournalKind.PAY_OUT, str(code))
    if booked(key):
        return
    book(
        key=key,
        kind=JournalKind.PAY_OUT,
        order_id=order_id,
        currency=hold.currency,
        operation_id=operation_id,
        lines=[
            *drawn(hold, Code(code), owner, amount),
            Line(Code.STRIPE_CLEARING, Side.CREDIT, amount),
        ],
    )
    told_of_payout("payout.paid", hold, owner, code, amount)


@transaction.atomic(savepoint=False)
def reverse_payout(
    *, order_id: UUID, owner: UUID, code: Code | str, amount: int, operation_id: UUID
) -> None:
    """Book a transfer that Stripe has taken back: what `owner` owes us is settled first, the rest
    we owe them again. Records `payout.reversed`; once per operation. Raises NoHold.
    """
    hold = locked(order_id)
    key = key_of(order_id, JournalKind.REVERSE_PAYOUT, str(operation_id))
    if booked(key):
        return
    book(
        key=key,
        kind=JournalKind.REVERSE_PAYOUT,
        order_id=order_id,
        currency=hold.currency,
        operation_id=operation_id,
        lines=[
            Line(Code.STRIPE_CLEARING, Side.DEBIT, amount),
            *restored(hold, Code(code), owner, amount),
        ],
    )
    told_of_payout("payout.reversed", hold, owner, code, amount)


def told_of_payout(event: str, hold: Hold, owner: UUID, code: Code | str, amount: int) -> None:
    """Record what happened to a payout, for its payee."""
    record(
        type=event,
        order_id=hold.order_id,
        data={"payable": code, "owner": owner, "amount": amount, "currency": hold.currency},
    )
