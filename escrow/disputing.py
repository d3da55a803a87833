"""Disputed money: who owes it to whom until it is decided, and who bears it when it is lost."""

from uuid import UUID

from django.db import transaction

from escrow.balances import balance
from escrow.chart import Code, Side
from escrow.ledger import Line, book_once, booked, key_of
from escrow.models import Entry, Hold, JournalKind
from escrow.paying import told_of_payout
from escrow.settling import locked


@transaction.atomic(savepoint=False)
def dispute(
    *, order_id: UUID, dispute_id: UUID, withdrawn: int, fee: int, reinstated: int, lost: bool
) -> None:
    """Book what a bank took, until it is decided whose it is, and the fee; then what came back, or
    that it is lost. In minor units, each once a dispute. Raises NoHold.

    What is lost is the platform's loss: who was paid keeps it. Won after all, on appeal, it makes
    up for the loss.
    """
    hold = locked(order_id)
    customer = hold.customer_id
    if withdrawn:
        book_once(hold, JournalKind.DISPUTE, dispute_id, [
            Line(Code.DISPUTE_RECEIVABLE, Side.DEBIT, withdrawn, owner=customer),
            Line(Code.STRIPE_FEES, Side.DEBIT, fee),
            Line(Code.STRIPE_CLEARING, Side.CREDIT, withdrawn + fee),
        ])  # fmt: skip
    if reinstated:
        given_up = booked(key_of(order_id, JournalKind.DISPUTE_LOST, str(dispute_id)))
        made_good = (Code.DISPUTE_LOSSES, None) if given_up else (Code.DISPUTE_RECEIVABLE, customer)
        fee_back = _fee_booked(order_id, dispute_id) - fee
        book_once(hold, JournalKind.DISPUTE_WON, dispute_id, [
            Line(Code.STRIPE_CLEARING, Side.DEBIT, reinstated + fee_back),
            Line(Code.STRIPE_FEES, Side.CREDIT, fee_back),
            Line(made_good[0], Side.CREDIT, reinstated, owner=made_good[1]),
        ])  # fmt: skip
    if lost and withdrawn:
        book_once(hold, JournalKind.DISPUTE_LOST, dispute_id, [
            Line(Code.DISPUTE_LOSSES, Side.DEBIT, withdrawn - reinstated),
            Line(Code.DISPUTE_RECEIVABLE, Side.CREDIT, withdrawn - reinstated, owner=customer),
        ])  # fmt: skip


def unpaid(*, order_id: UUID) -> int:
    """What restaurant and runner are owed for an order, in minor units."""
    hold = Hold.objects.filter(order_id=order_id).first()
    return sum(owed for *_, owed in _owed(hold)) if hold else 0


@transaction.atomic(savepoint=False)
def withhold(*, order_id: UUID, dispute_id: UUID) -> None:
    """Pay nobody who was not paid when a dispute was lost: what they were owed makes up for the
    loss. Records `payout.withheld`; once a dispute. Raises NoHold."""
    hold = locked(order_id)
    owed = _owed(hold)
    lines = [Line(code, Side.DEBIT, amount, owner=owner) for code, owner, amount in owed]
    total = Line(Code.DISPUTE_LOSSES, Side.CREDIT, sum(line.amount for line in lines))
    if total.amount and book_once(hold, JournalKind.WITHHELD, dispute_id, [*lines, total]):
        for code, owner, amount in owed:
            told_of_payout("payout.withheld", hold, owner, code, amount)


def _owed(hold: Hold) -> list[tuple[Code, UUID, int]]:
    """Each payable of the order that is not paid, whose it is, and how much."""
    payables = (
        (Code.RESTAURANT_PAYABLE, hold.restaurant_id),
        (Code.RUNNER_PAYABLE, hold.runner_id),
    )
    owed = [
        (code, owner, balance(code, order_id=hold.order_id, owner=owner))
        for code, owner in payables
        if owner is not None
    ]
    return [one for one in owed if one[-1]]


def _fee_booked(order_id: UUID, dispute_id: UUID) -> int:
    key = key_of(order_id, JournalKind.DISPUTE, str(dispute_id))
    fees = Entry.objects.filter(journal__key=key, account__code=Code.STRIPE_FEES)
    return sum(fees.values_list("amount", flat=True))
