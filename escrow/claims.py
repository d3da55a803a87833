"""Claims: a card refused after the delivery, so the customer owes it to us; and how that ends."""

from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from escrow.balances import balance, balance_of_campus
from escrow.chart import Code, Side
from escrow.ledger import Line, book, booked, key_of
from escrow.models import Hold, HoldStatus, JournalKind
from escrow.settling import Released, due_to, hold_ends, locked, owed_to, refuse_unless, told
from events.services import record


@transaction.atomic(savepoint=False)
def claim(*, order_id: UUID, restaurant_id: UUID, runner_id: UUID) -> Released:
    """The card refused after the delivery: everybody is owed what they did, by the customer to us.

    The hold is over. Records `escrow.claimed`; again it changes nothing and returns the same.
    Raises NoHold unless the money is still held.
    """
    hold = locked(order_id)
    if hold.status != HoldStatus.CLAIMED:
        refuse_unless(hold, HoldStatus.HELD)
        Hold.objects.filter(id=hold.id).update(
            status=HoldStatus.CLAIMED, claimed_at=Now(), runner_id=runner_id
        )
        book(
            key=key_of(order_id, JournalKind.CLAIM),
            kind=JournalKind.CLAIM,
            order_id=order_id,
            currency=hold.currency,
            lines=[
                *hold_ends(hold),
                Line(Code.CUSTOMER_CLAIM, Side.DEBIT, hold.total),
                *owed_to(hold.fees, restaurant_id, runner_id),
            ],
        )
        told("escrow.claimed", hold, hold.fees, restaurant_id, runner_id)
    return due_to(hold.fees)


@transaction.atomic(savepoint=False)
def settle_claim(
    *, order_id: UUID, collected: int, stripe_fee: int, operation_id: UUID | None
) -> Released:
    """The claim is over: the card has paid all of it after all, or the platform bears it.

    `collected` and what Stripe kept of it are in minor units; 0 collected is a subsidy. Records
    `escrow.claim_settled`; again it changes nothing and returns the same. Raises NoHold unless the
    hold is claimed, and ValueError for a part of the claim.
    """
    hold = locked(order_id)
    key = key_of(order_id, JournalKind.SETTLE_CLAIM)
    if booked(key):
        return due_to(hold.fees)
    refuse_unless(hold, HoldStatus.CLAIMED)
    if collected not in (0, hold.total):
        raise ValueError(f"{collected} is a part of {hold.total}: a claim is settled whole.")
    _end(hold, paid=bool(collected))
    book(
        key=key,
        kind=JournalKind.SETTLE_CLAIM,
        order_id=order_id,
        currency=hold.currency,
        operation_id=operation_id,
        lines=[
            Line(Code.CUSTOMER_CLAIM, Side.CREDIT, hold.total),
            Line(Code.STRIPE_CLEARING, Side.DEBIT, collected),
            Line(Code.STRIPE_FEES, Side.DEBIT, stripe_fee),
            Line(Code.STRIPE_CLEARING, Side.CREDIT, stripe_fee),
            Line(Code.SUBSIDY, Side.DEBIT, hold.total - collected),
        ],
    )
    record(
        type="escrow.claim_settled",
        order_id=order_id,
        data={
            "amount": hold.total,
            "paid_by": "card" if collected else "platform",
            "currency": hold.currency,
            "customer_id": hold.customer_id,
        },
    )
    return due_to(hold.fees)


def claimed(*, order_id: UUID) -> int:
    """What the customer of an order still owes us, in minor units."""
    return balance(Code.CUSTOMER_CLAIM, order_id=order_id)


def subsidised(*, order_id: UUID) -> int:
    """What the platform bears of an order, in minor units."""
    return balance_of_campus(Code.SUBSIDY, order_id=order_id)


def _end(hold: Hold, *, paid: bool) -> None:
    """Paid late is paid: from here on the hold is as any whose money was captured and passed on."""
    changes: dict[str, object] = {"status": HoldStatus.WRITTEN_OFF}
    if paid:
        changes = {
            "status": HoldStatus.RELEASED,
            "captured_at": Now(),
            "released_at": Now(),
            "claimed_at": None,
            **{f"captured_{share}": amount for share, amount in hold.fees._asdict().items()},
        }
    Hold.objects.filter(id=hold.id).update(**changes)
