"""Shorthand for reading and writing the books in tests."""

from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Case, F, Sum, When

from campusg.ids import new_id
from escrow.chart import ESCROW, Code, Layer, Side
from escrow.ledger import Leg, open_accounts_of_order, post
from escrow.models import Account, Entry, JournalKind
from events.models import OutboxEvent

D, C = Side.DEBIT, Side.CREDIT
PENDING, POSTED = Layer.PENDING, Layer.POSTED


def terms(**other: Any) -> dict[str, Any]:
    """What `hold` needs for an order of 12.50 + 3.99 + 1.23 = 17.72 USD."""
    return {
        "order_id": new_id(),
        "customer_id": new_id(),
        "restaurant_id": new_id(),
        "payment_operation_id": new_id(),
        "food_fee": 1250,
        "delivery_fee": 399,
        "platform_fee": 123,
        "currency": "USD",
    } | other


def commit_checks() -> None:
    """Judge now what the database would judge at COMMIT."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def accounts_of(order_id: UUID) -> dict[Code, int]:
    """The ids of an order's accounts, whatever of it is still missing opened."""
    return open_accounts_of_order(order_id, [Code.CUSTOMER_HOLD, *ESCROW], "USD")


def transfer(order_id: UUID, debit: Code, credit: Code, amount: int, **other: Any) -> None:
    """Post one amount from one account of the order to another, under a key of its own.

    The accounts are read, not opened: opening would lock them before the ledger's own rules do.
    """
    ids = dict(Account.objects.filter(order_id=order_id).values_list("code", "id"))
    legs = [Leg(ids[debit], PENDING, D, amount), Leg(ids[credit], PENDING, C, amount)]
    write(order_id, legs, **other)


def write(order_id: UUID, legs: list[Leg], **other: Any) -> None:
    details = {"key": f"test:{new_id()}", "kind": JournalKind.HOLD, "currency": "USD"} | other
    post(order_id=order_id, legs=legs, **details)


def told(order_id: UUID) -> list[str]:
    """What the order's events say of its money, oldest first."""
    of_order = OutboxEvent.objects.filter(aggregateid=order_id).exclude(type__startswith="order.")
    return list(of_order.order_by("aggversion").values_list("type", flat=True))


def world() -> set[int]:
    """Debits less credits over all entries, per layer and currency."""
    signed = Case(When(side=D, then="amount"), default=-F("amount"))
    sums = Entry.objects.values("layer", "currency").annotate(total=Sum(signed))
    return set(sums.values_list("total", flat=True))
