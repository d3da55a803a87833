"""Orders' money at each station of its life, and what stands in the books then."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from campusg.ids import new_id
from escrow.chart import Code
from escrow.models import Entry
from escrow.services import balance_of_order, capture, hold, pay_out, refund, release
from tests.escrow.books import terms

SHARES = {"food": 1250, "delivery": 399, "platform": 123}


def held(**other: Any) -> dict[str, Any]:
    """An order's money, held; whose it is."""
    order = terms(**other)
    hold(**order)
    return {
        "order_id": order["order_id"],
        "restaurant_id": order["restaurant_id"],
        "runner_id": new_id(),
    }


def captured(stripe_fee: int = 81, **shares: int) -> dict[str, Any]:
    """Paid by the customer, in escrow, posted."""
    order = held()
    take(order, stripe_fee=stripe_fee, **shares)
    return order


def take(
    order: dict[str, Any],
    stripe_fee: int = 81,
    operation_id: UUID | None = None,
    **shares: int,
) -> None:
    """Capture, in full unless `shares` say less."""
    shares = SHARES | shares
    capture(
        order_id=order["order_id"],
        amount=sum(shares.values()),
        stripe_fee=stripe_fee,
        operation_id=operation_id or new_id(),
        **shares,
    )


def released(**shares: int) -> dict[str, Any]:
    """Owed to the restaurant and the runner."""
    order = captured(**shares)
    release(**order)
    return order


def pay(
    order: dict[str, Any],
    code: Code = Code.RESTAURANT_PAYABLE,
    amount: int = 1250,
    by: Callable[..., None] = pay_out,
    operation_id: UUID | None = None,
) -> None:
    """Pay out to, or take back from, whom the payable is owed to."""
    owner = order["restaurant_id" if code == Code.RESTAURANT_PAYABLE else "runner_id"]
    by(
        order_id=order["order_id"], owner=owner, code=code, amount=amount,
        operation_id=operation_id or new_id(),
    )  # fmt: skip


def give_back(order: dict[str, Any], operation_id: UUID | None = None, **shares: int) -> None:
    """Promise these shares back to the customer."""
    shares = dict.fromkeys(SHARES, 0) | shares
    refund(
        order_id=order["order_id"],
        amount=sum(shares.values()),
        operation_id=operation_id or new_id(),
        **shares,
    )


def standing(order: dict[str, Any]) -> dict[Code, int]:
    """What stands on the order's own accounts, without the zeros."""
    balances = balance_of_order(order_id=order["order_id"])
    return {code: amount for (code, _), amount in balances.items() if amount}


def campus(order: dict[str, Any]) -> dict[str, int]:
    """What the order did to the accounts that the whole campus shares."""
    entries = Entry.objects.filter(journal__order_id=order["order_id"], account__order_id=None)
    sums: dict[str, int] = {}
    for code, normal, side, amount in entries.values_list(
        "account__code", "account__normal_side", "side", "amount"
    ):
        sums[code] = sums.get(code, 0) + (amount if side == normal else -amount)
    return sums
