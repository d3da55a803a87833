"""Holding an order's money for those it is for, pending, and letting it go."""

from datetime import timedelta
from typing import TypedDict
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Sum
from django.db.models.functions import Now

from campusg.locks import lock
from campusg.money import formatted
from escrow import errors
from escrow.chart import NATURES, Code, Layer, Side
from escrow.ledger import Leg, key_of, mirrored, open_accounts_of_order, post
from escrow.models import Account, Entry, Hold, HoldStatus, JournalKind
from events.services import record


class Held(TypedDict):
    """The hold, as the API names it."""

    hold_id: UUID


@transaction.atomic(savepoint=False)
def hold(
    *,
    order_id: UUID,
    customer_id: UUID,
    restaurant_id: UUID,
    payment_operation_id: UUID | None,
    food_fee: int,
    delivery_fee: int,
    platform_fee: int,
    currency: str,
) -> Held:
    """Book an authorized payment as pending escrow: food, delivery and the platform's fee.

    Amounts are minor units of `currency`. Holding the same again returns the same hold and writes
    nothing. Raises RestaurantFrozen, EscrowCapReached, and AlreadyHeld if the order's hold has
    other content or is over. A refusal undoes the caller's transaction or savepoint.
    """
    ours = Hold(
        order_id=order_id,
        customer_id=customer_id,
        restaurant_id=restaurant_id,
        payment_operation_id=payment_operation_id,
        food_fee=food_fee,
        delivery_fee=delivery_fee,
        platform_fee=platform_fee,
        total=food_fee + delivery_fee + platform_fee,
        currency=currency,
    )
    # First come, first held: of several at once one inserts and the others wait for its end.
    Hold.objects.bulk_create([ours], ignore_conflicts=True)
    stands = Hold.objects.annotate(restaurant_frozen=_frozen()).get(order_id=order_id)
    if stands.id != ours.id:
        return _held_before(stands, ours)
    if stands.restaurant_frozen:
        raise errors.RestaurantFrozen("This restaurant takes no orders for now.")
    _refuse_above_cap(currency)
    _book(ours)
    record(type="escrow.held", order_id=order_id, data=_facts(ours))
    return {"hold_id": ours.id}


@transaction.atomic(savepoint=False)
def cancel(*, order_id: UUID) -> None:
    """Take an order's hold back by the mirror image of its journal; without a hold, do nothing."""
    held = Hold.objects.select_for_update().filter(order_id=order_id, status=HoldStatus.HELD)
    stands = held.first()
    if stands is None:
        return
    held.update(status=HoldStatus.CANCELLED, cancelled_at=Now())
    original = list(Entry.objects.filter(journal__key=key_of(order_id, JournalKind.HOLD)))
    post(
        key=key_of(order_id, JournalKind.CANCEL),
        kind=JournalKind.CANCEL,
        order_id=order_id,
        currency=stands.currency,
        legs=mirrored(original),
        reverses=original[0].journal_id,
    )
    record(type="escrow.cancelled", order_id=order_id, data=_facts(stands))


def held_too_long() -> list[UUID]:
    """The orders whose money has been held for `ESCROW_TIMEOUT_SECONDS`, the oldest first."""
    length = timedelta(seconds=settings.ESCROW_TIMEOUT_SECONDS)
    overdue = Hold.objects.filter(status=HoldStatus.HELD, held_at__lt=Now() - length)
    return list(overdue.order_by("held_at").values_list("order_id", flat=True))


def freeze(*, owner: UUID, currency: str, reason: str) -> None:
    """Promise no new money to this restaurant; what is promised already stands.

    It is the restaurant's own account that is frozen, which no order posts to. A hold that is
    being written meanwhile may still come through.
    """
    Account.objects.bulk_create(
        [
            Account(
                code=Code.RESTAURANT_PAYABLE,
                owner=owner,
                currency=currency,
                frozen=True,
                frozen_reason=reason,
                **NATURES[Code.RESTAURANT_PAYABLE]._asdict(),
            )
        ],
        update_conflicts=True,
        unique_fields=["code", "owner", "order_id", "currency"],
        update_fields=["frozen", "frozen_reason"],
    )


def unfreeze(*, owner: UUID, currency: str) -> None:
    """Let the restaurant be promised money again."""
    Account.objects.filter(
        code=Code.RESTAURANT_PAYABLE, owner=owner, order_id=None, currency=currency
    ).update(frozen=False, frozen_reason="")


def _frozen() -> Exists:
    return Exists(
        Account.objects.filter(
            code=Code.RESTAURANT_PAYABLE,
            owner=OuterRef("restaurant_id"),
            order_id=None,
            currency=OuterRef("currency"),
            frozen=True,
        )
    )


def _held_before(stands: Hold, ours: Hold) -> Held:
    if stands.status != HoldStatus.HELD or _facts(stands) != {
        **_facts(ours),
        "hold_id": stands.id,
    }:
        raise errors.AlreadyHeld(
            f"This order's hold of {formatted(stands.total, stands.currency)} is {stands.status}."
        )
    return {"hold_id": stands.id}


def _refuse_above_cap(currency: str) -> None:
    """Counts the new hold too: it is written already, and a refusal takes it back."""
    cap = settings.ESCROW_OPEN_CAP_MINOR
    if cap is None:
        return
    # One at a time from here to COMMIT, or two holds could each fit and together not.
    lock(f"escrow cap {currency}")
    held = Hold.objects.filter(currency=currency, status=HoldStatus.HELD)
    if held.aggregate(total=Sum("total"))["total"] > cap:
        raise errors.EscrowCapReached(
            f"The campus holds up to {formatted(cap, currency)} at once; try again soon."
        )


def _book(hold: Hold) -> None:
    legs = {
        Code.CUSTOMER_HOLD: (Side.DEBIT, hold.total),
        Code.ESCROW_FOOD: (Side.CREDIT, hold.food_fee),
        Code.ESCROW_DELIVERY: (Side.CREDIT, hold.delivery_fee),
        Code.ESCROW_PLATFORM: (Side.CREDIT, hold.platform_fee),
    }
    needed = {code: leg for code, leg in legs.items() if leg[1]}
    accounts = open_accounts_of_order(hold.order_id, needed, hold.currency)
    post(
        key=key_of(hold.order_id, JournalKind.HOLD),
        kind=JournalKind.HOLD,
        order_id=hold.order_id,
        currency=hold.currency,
        operation_id=hold.payment_operation_id,
        legs=[Leg(accounts[code], Layer.PENDING, *leg) for code, leg in needed.items()],
    )


def _facts(hold: Hold) -> dict[str, UUID | str | int]:
    return {
        "hold_id": hold.id,
        "customer_id": hold.customer_id,
        "restaurant_id": hold.restaurant_id,
        "currency": hold.currency,
        "food_fee": hold.food_fee,
        "delivery_fee": hold.delivery_fee,
        "platform_fee": hold.platform_fee,
        "total": hold.total,
    }
