"""The auditor over many orders: nothing is wrong, however many there are; how long it takes.

`BOOKS_ORDERS` says how many: 60 unless told. `pytest -s` shows the figures.
"""

import os
import sys
import time

import pytest

from orders.models import Order
from sagas import books
from tests.sagas.many import multiply
from tests.sagas.orders_at_rest import (
    a_cancelled_order,
    a_completed_order,
    a_created_order,
    a_part_paid_order,
    a_refunded_order,
    a_settled_order,
    an_unpaid_order,
)
from tests.sagas.planting import sql

ORDERS = int(os.environ.get("BOOKS_ORDERS", "60"))


def some_of_each() -> list[Order]:
    """As they come about: half of them end well."""
    return [
        *(a_completed_order() for _ in range(5)), a_created_order(), a_cancelled_order(),
        a_part_paid_order(), a_refunded_order(), an_unpaid_order(), a_settled_order("card"),
        a_settled_order("platform"),
    ]  # fmt: skip


@pytest.mark.timeout(1800)
def test_many_orders_break_nothing(db: None) -> None:
    before = {one.invariant.name: one.count for one in books.violations()}
    seeds = some_of_each()
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("SET LOCAL session_replication_role = replica")
    multiply(seeds, copies=ORDERS // len(seeds))
    took = {}
    for invariant in books.invariants():
        began = time.monotonic()
        found = books.violations(only=[invariant.number])
        took[invariant.name] = time.monotonic() - began
        assert not found or found[0].count <= before.get(invariant.name, 0), found
    lines = [f"  {seconds:.3f} s  {name}" for name, seconds in sorted(took.items(), key=_longest)]
    whole = f"{Order.objects.count()} orders: {sum(took.values()):.2f} s"
    sys.stdout.write("\n".join(["", whole, *lines[:12], ""]))


def _longest(one: tuple[str, float]) -> float:
    return -one[1]
