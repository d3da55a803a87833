"""Refunds that came back: owed to the customer again, until they are paid otherwise."""

from uuid import UUID

from django.db import transaction

from escrow.balances import balance
from escrow.chart import Code, Side
from escrow.errors import NoHold
from escrow.ledger import Line, book_once, booked, key_of
from escrow.models import Hold, Journal, JournalKind
from escrow.settling import locked


def is_promised(*, order_id: UUID, operation_id: UUID) -> bool:
    """Whether it is booked that this refund goes to the customer."""
    return booked(key_of(order_id, JournalKind.REFUND, str(operation_id)))


@transaction.atomic(savepoint=False)
def refund_came_back(*, order_id: UUID, operation_id: UUID) -> int:
    """A refund did not reach the customer: we owe it to them, from wherever it stands now; how
    many minor units. Once an operation. Raises NoHold unless it was promised."""
    hold = locked(order_id)
    promise = Journal.objects.filter(
        key=key_of(order_id, JournalKind.REFUND, str(operation_id))
    ).first()
    if promise is None:
        raise NoHold("No refund was promised for this operation.")
    amount = promise.entries.get(account__code=Code.REFUND_IN_FLIGHT).amount
    sent = booked(key_of(order_id, JournalKind.REFUND_DONE, str(operation_id)))
    book_once(hold, JournalKind.REFUND_BACK, operation_id, [
        Line(Code.STRIPE_CLEARING if sent else Code.REFUND_IN_FLIGHT, Side.DEBIT, amount),
        Line(Code.CUSTOMER_PAYABLE, Side.CREDIT, amount, owner=hold.customer_id),
    ])  # fmt: skip
    return amount


@transaction.atomic(savepoint=False)
def repaid(*, order_id: UUID, operation_id: UUID, amount: int) -> None:
    """The customer was paid otherwise, from outside Stripe. Once an operation. Raises NoHold."""
    hold = locked(order_id)
    book_once(hold, JournalKind.REPAID, operation_id, [
        Line(Code.CUSTOMER_PAYABLE, Side.DEBIT, amount, owner=hold.customer_id),
        Line(Code.PAID_OUTSIDE, Side.CREDIT, amount),
    ])  # fmt: skip


def owed_to_customer(*, order_id: UUID) -> int:
    """What a customer is owed since a refund of this order failed, in minor units."""
    hold = Hold.objects.filter(order_id=order_id).first()
    owner = hold.customer_id if hold else None
    return balance(Code.CUSTOMER_PAYABLE, order_id=order_id, owner=owner)
