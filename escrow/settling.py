"""Money that became real: captured from the card, and passed on to those it was held for."""

from typing import TypedDict
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from campusg.money import formatted
from escrow.chart import ESCROW, PASSED_ON, Code, Layer, Side
from escrow.errors import NoHold
from escrow.ledger import Line, book, key_of
from escrow.models import PAID, Hold, HoldStatus, JournalKind, Shares
from events.services import record


class Released(TypedDict):
    """What each is owed now, in minor units of the order's currency."""

    restaurant_due: int
    runner_due: int
    platform_kept: int


def locked(order_id: UUID) -> Hold:
    """The order's hold, this transaction's alone; raises NoHold. Every booking begins with it."""
    hold = Hold.objects.select_for_update().filter(order_id=order_id).first()
    if hold is None:
        raise NoHold("Nothing was ever held for this order.")
    return hold


@transaction.atomic(savepoint=False)
def capture(
    *,
    order_id: UUID,
    amount: int,
    stripe_fee: int,
    operation_id: UUID,
    food: int,
    delivery: int,
    platform: int,
) -> None:
    """Book what was captured: the whole hold is over, and `amount` stands in escrow, posted.

    The three shares make `amount`; that may be less than was held, when a cancelled order is paid
    in part. `stripe_fee` is what Stripe kept of it. All in minor units. Records `escrow.captured`;
    the same again changes nothing. Raises NoHold, and ValueError for shares that don't add up.
    """
    shares = Shares(food, delivery, platform)
    if sum(shares) != amount or amount <= 0:
        raise ValueError(f"{shares} do not make {amount}.")
    hold = locked(order_id)
    if hold.status in PAID and hold.captured == shares:
        return
    refuse_unless(hold, HoldStatus.HELD)
    Hold.objects.filter(id=hold.id).update(
        status=HoldStatus.CAPTURED,
        captured_at=Now(),
        **{f"captured_{share}": amount for share, amount in shares._asdict().items()},
    )
    book(
        key=key_of(order_id, JournalKind.CAPTURE),
        kind=JournalKind.CAPTURE,
        order_id=order_id,
        currency=hold.currency,
        operation_id=operation_id,
        lines=[
            *hold_ends(hold),
            Line(Code.STRIPE_CLEARING, Side.DEBIT, amount),
            *(Line(code, Side.CREDIT, n) for code, n in zip(ESCROW, shares, strict=True)),
            Line(Code.STRIPE_FEES, Side.DEBIT, stripe_fee),
            Line(Code.STRIPE_CLEARING, Side.CREDIT, stripe_fee),
        ],
    )
    record(
        type="escrow.captured",
        order_id=order_id,
        data={
            "customer_id": hold.customer_id,
            "restaurant_id": hold.restaurant_id,
            "amount": amount,
            "stripe_fee": stripe_fee,
            "currency": hold.currency,
            **shares._asdict(),
        },
    )


@transaction.atomic(savepoint=False)
def release(*, order_id: UUID, restaurant_id: UUID, runner_id: UUID | None) -> Released:
    """Owe what was captured to the restaurant, the runner and the platform.

    Of each share only what has not gone back to the customer. Records `escrow.released` if there is
    anything to owe; again it changes nothing and returns what is due by then. Raises NoHold unless
    the money is captured. `runner_id` may be None when nothing was captured for the delivery.
    """
    hold = locked(order_id)
    shares = hold.captured.less(hold.refunded)
    if hold.status != HoldStatus.RELEASED:
        refuse_unless(hold, HoldStatus.CAPTURED)
        Hold.objects.filter(id=hold.id).update(
            status=HoldStatus.RELEASED, released_at=Now(), runner_id=runner_id
        )
        if any(shares):
            _pass_on(hold, shares, restaurant_id, runner_id)
    return due_to(shares)


def _pass_on(hold: Hold, shares: Shares, restaurant_id: UUID, runner_id: UUID | None) -> None:
    book(
        key=key_of(hold.order_id, JournalKind.RELEASE),
        kind=JournalKind.RELEASE,
        order_id=hold.order_id,
        currency=hold.currency,
        lines=[
            *(Line(code, Side.DEBIT, n) for code, n in zip(ESCROW, shares, strict=True)),
            *owed_to(shares, restaurant_id, runner_id),
        ],
    )
    told("escrow.released", hold, shares, restaurant_id, runner_id)


def refuse_unless(hold: Hold, status: HoldStatus) -> None:
    """Raises NoHold unless the hold stands at `status`."""
    if hold.status != status:
        amount = formatted(hold.total, hold.currency)
        raise NoHold(f"This order's hold of {amount} is {hold.status}, not {status}.")


def hold_ends(hold: Hold) -> list[Line]:
    """The mirror image of what `hold` booked."""
    pending = Layer.PENDING
    return [
        Line(Code.CUSTOMER_HOLD, Side.CREDIT, hold.total, layer=pending),
        *(
            Line(code, Side.DEBIT, n, layer=pending)
            for code, n in zip(ESCROW, hold.fees, strict=True)
        ),
    ]


def owed_to(shares: Shares, restaurant_id: UUID, runner_id: UUID | None) -> list[Line]:
    """Each share, credited to whom it is for."""
    if shares.delivery and runner_id is None:
        raise ValueError(f"{shares.delivery} for the delivery, and nobody who delivered.")
    owners = (restaurant_id, runner_id, None)
    return [
        Line(code, Side.CREDIT, n, owner=owner)
        for code, n, owner in zip(PASSED_ON, shares, owners, strict=True)
    ]


def due_to(shares: Shares) -> Released:
    """The same, by whom it is due to."""
    return {
        "restaurant_due": shares.food,
        "runner_due": shares.delivery,
        "platform_kept": shares.platform,
    }


def told(
    event: str, hold: Hold, shares: Shares, restaurant_id: UUID, runner_id: UUID | None
) -> None:
    parties = {
        "customer_id": hold.customer_id,
        "restaurant_id": restaurant_id,
        "runner_id": runner_id,
        "currency": hold.currency,
    }
    record(type=event, order_id=hold.order_id, data=parties | due_to(shares))
