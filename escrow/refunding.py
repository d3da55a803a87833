"""Refunding: promised to the customer, then sent by Stripe, or not after all."""

from collections.abc import Iterable
from typing import TypedDict
from uuid import UUID

from django.db import transaction
from django.db.models import F

from campusg.money import formatted
from escrow.chart import ESCROW, Code, Side
from escrow.errors import MoreThanCaptured, NoHold
from escrow.ledger import Line, book, booked, key_of
from escrow.models import PAID, Entry, Hold, HoldStatus, Journal, JournalKind, Shares
from escrow.paying import drawn, restored
from escrow.settling import locked
from events.services import record


class PaidFor(TypedDict):
    """Who was paid for an order, and what of each fee the customer has not got back."""

    restaurant_id: UUID
    runner_id: UUID
    food_paid: int
    delivery_paid: int
    platform_paid: int
    currency: str


def paid_for(*, order_id: UUID) -> PaidFor:
    """Whose money a completed order's is, in minor units. Raises NoHold unless it is passed on."""
    hold = locked(order_id)
    if hold.status != HoldStatus.RELEASED or hold.runner_id is None:
        raise NoHold(f"The order's hold is {hold.status}; nothing is passed on that could go back.")
    food, delivery, platform = (
        paid - back for paid, back in zip(hold.captured, hold.refunded, strict=True)
    )
    return {
        "restaurant_id": hold.restaurant_id,
        "runner_id": hold.runner_id,
        "food_paid": food,
        "delivery_paid": delivery,
        "platform_paid": platform,
        "currency": hold.currency,
    }


@transaction.atomic(savepoint=False)
def refund(
    *, order_id: UUID, amount: int, operation_id: UUID, food: int, delivery: int, platform: int
) -> None:
    """Promise `amount` back to the customer, share by share; it leaves with `refund_done`.

    While it is in escrow it comes from there; later from what we still owe the payee, and what
    they were paid already becomes a receivable. Once per operation. Raises NoHold, and
    MoreThanCaptured for a share that the customer has not paid or got back; ValueError for shares
    that don't make `amount`.
    """
    shares = Shares(food, delivery, platform)
    if sum(shares) != amount or amount <= 0:
        raise ValueError(f"{shares} do not make {amount}.")
    hold = locked(order_id)
    key = key_of(order_id, JournalKind.REFUND, str(operation_id))
    if booked(key):
        return
    if hold.status not in PAID:
        raise NoHold(f"The customer has paid nothing: the order's hold is {hold.status}.")
    _refuse_more_than_captured(hold, shares)
    _count(hold, shares)
    book(
        key=key,
        kind=JournalKind.REFUND,
        order_id=order_id,
        currency=hold.currency,
        operation_id=operation_id,
        lines=[*_taken(hold, shares), Line(Code.REFUND_IN_FLIGHT, Side.CREDIT, amount)],
    )


@transaction.atomic(savepoint=False)
def refund_done(*, order_id: UUID, operation_id: UUID) -> None:
    """Stripe has sent the refund: it leaves the clearing account. Records `escrow.refunded`; once
    per operation. Raises NoHold unless it was promised."""
    hold = locked(order_id)
    key = key_of(order_id, JournalKind.REFUND_DONE, str(operation_id))
    if booked(key):
        return
    promise = _promise(order_id, operation_id)
    amount = promise.entries.get(account__code=Code.REFUND_IN_FLIGHT).amount
    book(
        key=key,
        kind=JournalKind.REFUND_DONE,
        order_id=order_id,
        currency=hold.currency,
        operation_id=operation_id,
        lines=[
            Line(Code.REFUND_IN_FLIGHT, Side.DEBIT, amount),
            Line(Code.STRIPE_CLEARING, Side.CREDIT, amount),
        ],
    )
    record(
        type="escrow.refunded",
        order_id=order_id,
        data={"amount": amount, "currency": hold.currency, "customer_id": hold.customer_id},
    )


@transaction.atomic(savepoint=False)
def refund_failed(*, order_id: UUID, operation_id: UUID) -> None:
    """Stripe will not send the refund: take the promise back; without one, do nothing.

    Not its mirror: a payout that was made or reversed meanwhile may have moved what is owed.
    """
    key = key_of(order_id, JournalKind.REFUND_FAILED, str(operation_id))
    hold = Hold.objects.select_for_update().filter(order_id=order_id).first()
    if hold is None or booked(key):
        return
    promise = _find_promise(order_id, operation_id)
    if promise is None:
        return
    shares = _shares_of(hold, promise.entries.select_related("account"))
    _count(hold, shares, by=-1)
    book(
        key=key,
        kind=JournalKind.REFUND_FAILED,
        order_id=order_id,
        currency=hold.currency,
        operation_id=operation_id,
        lines=[Line(Code.REFUND_IN_FLIGHT, Side.DEBIT, sum(shares)), *_put_back(hold, shares)],
    )


def _refuse_more_than_captured(hold: Hold, shares: Shares) -> None:
    for name, share, paid, back in zip(
        Shares._fields, shares, hold.captured, hold.refunded, strict=True
    ):
        if share > paid - back:
            left = formatted(paid - back, hold.currency)
            raise MoreThanCaptured(f"Of the {name} fee {left} is left to refund.")


def _count(hold: Hold, shares: Shares, *, by: int = 1) -> None:
    counted = {f"refunded_{name}": F(f"refunded_{name}") + by * share
               for name, share in shares._asdict().items()}  # fmt: skip
    Hold.objects.filter(id=hold.id).update(**counted)


def _taken(hold: Hold, shares: Shares) -> list[Line]:
    """Where the money comes from: out of escrow, or from those it was passed on to."""
    if hold.status == HoldStatus.CAPTURED:
        return [Line(code, Side.DEBIT, n) for code, n in zip(ESCROW, shares, strict=True)]
    return [
        *drawn(hold, Code.RESTAURANT_PAYABLE, hold.restaurant_id, shares.food),
        *drawn(hold, Code.RUNNER_PAYABLE, hold.runner_id, shares.delivery),
        # Our own share is ours to give back, however much of it Stripe's fee has eaten.
        Line(Code.PLATFORM_REVENUE, Side.DEBIT, shares.platform),
    ]


def _put_back(hold: Hold, shares: Shares) -> list[Line]:
    """To where it would stand now, had it never been taken."""
    if hold.status == HoldStatus.CAPTURED:
        return [Line(code, Side.CREDIT, n) for code, n in zip(ESCROW, shares, strict=True)]
    return [
        *restored(hold, Code.RESTAURANT_PAYABLE, hold.restaurant_id, shares.food),
        *restored(hold, Code.RUNNER_PAYABLE, hold.runner_id, shares.delivery),
        Line(Code.PLATFORM_REVENUE, Side.CREDIT, shares.platform),
    ]


def _shares_of(hold: Hold, entries: Iterable[Entry]) -> Shares:
    """What a promise took of each share."""
    taken = dict.fromkeys(Shares._fields, 0)
    for entry in entries:
        code, owner = entry.account.code, entry.account.owner
        if code in (Code.ESCROW_PLATFORM, Code.PLATFORM_REVENUE):
            taken["platform"] += entry.amount
        elif code == Code.ESCROW_FOOD or owner == hold.restaurant_id:
            taken["food"] += entry.amount
        elif code == Code.ESCROW_DELIVERY or owner is not None:
            taken["delivery"] += entry.amount
    return Shares(**taken)


def _find_promise(order_id: UUID, operation_id: UUID) -> Journal | None:
    key = key_of(order_id, JournalKind.REFUND, str(operation_id))
    return Journal.objects.filter(key=key).first()


def _promise(order_id: UUID, operation_id: UUID) -> Journal:
    promise = _find_promise(order_id, operation_id)
    if promise is None:
        raise NoHold("No refund was promised for this operation.")
    return promise
