"""Looking at the campus from outside: plain SQL on its tables, none of its own code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2

from devstack.demo.proof import Open, Order, Run

_COUNTS = """
SELECT (SELECT count(*) FROM orders_order),
       (SELECT count(*) FROM orders_order WHERE status = 'CREATED'),
       (SELECT count(*) FROM orders_order WHERE status = 'CANCELLED'),
       (SELECT count(*) FROM sagas_run WHERE status NOT IN ('COMPLETED', 'COMPENSATED')),
       (SELECT count(*) FROM sagas_run WHERE recovered > 0)
"""

# What still moves by itself: active runs, calls that a run or the janitor will make soon, and
# money found after its order gave up, which the janitor gives back. A watched call that stays
# unknown is asked about for days, and what waits for a person waits for ever: neither is a
# reason to wait here.
_MOVING = """
SELECT EXISTS (SELECT FROM sagas_run WHERE status IN ('RUNNING', 'WAITING', 'COMPENSATING'))
    OR EXISTS (SELECT FROM payments_operation WHERE state IN ('sent', 'unknown') AND NOT watched)
    OR EXISTS (SELECT FROM payments_payment p
                WHERE status = 'RELEASING' AND NOT EXISTS (
                      SELECT FROM payments_operation o WHERE o.payment_id = p.id
                         AND (o.state = 'needs_operator'
                              OR o.watched AND o.state IN ('sent', 'unknown'))))
"""

# Why each order ended as it did: the step that was refused, and for a payment whether Stripe
# said no or said nothing.
_OUTCOMES = """
SELECT o.status,
       CASE WHEN o.status <> 'CANCELLED' THEN ''
            WHEN s.participant = 'payments.authorize' AND p.status = 'FAILED' THEN 'card declined'
            WHEN s.participant = 'payments.authorize' THEN 'Stripe did not answer in time'
            WHEN s.participant = 'escrow.hold' THEN 'restaurant frozen'
            ELSE coalesce(s.participant, 'unknown') END,
       count(*)
  FROM orders_order o
  LEFT JOIN sagas_run r ON r.key = o.id::text
  LEFT JOIN sagas_steplog s ON s.run_id = r.id AND s.direction = 'do' AND s.state = 'REFUSED'
  LEFT JOIN payments_payment p ON p.order_id = o.id
 GROUP BY 1, 2 ORDER BY o.status DESC, 3 DESC, 2
"""

_OPERATIONS = """
SELECT kind, state, watched, count(*), sum(tries) FROM payments_operation
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


@dataclass(frozen=True)
class Counts:
    """How far the campus has come."""

    orders: int
    created: int
    cancelled: int
    live: int
    recovered: int


class Watch:
    """A connection of our own, every query in a transaction of its own."""

    def __init__(self, database_url: str) -> None:
        self._connection = psycopg2.connect(database_url)
        self._connection.autocommit = True

    def close(self) -> None:
        self._connection.close()

    def counts(self) -> Counts:
        return Counts(*self._rows(_COUNTS)[0])

    def moving(self) -> bool:
        """Whether anything is still to happen by itself, soon."""
        return bool(self._rows(_MOVING)[0][0])

    def created_at(self) -> dict[str, float]:
        """When each order became CREATED, in seconds since 1970."""
        return dict(
            self._rows(
                "SELECT id::text, extract(epoch FROM created_at)::float8 FROM orders_order "
                "WHERE created_at IS NOT NULL"
            )
        )

    def outcomes(self) -> Sequence[tuple[str, str, int]]:
        """Status, cause and number of orders."""
        return self._rows(_OUTCOMES)

    def operations(self) -> Sequence[tuple[str, str, bool, int, int]]:
        """Kind, state, watched or not, number of operations and of calls made for them."""
        return self._rows(_OPERATIONS)

    def orders(self) -> list[Order]:
        rows = self._rows("SELECT id::text, status, total, currency FROM orders_order ORDER BY id")
        return [Order(*row) for row in rows]

    def runs(self) -> list[Run]:
        rows = self._rows("SELECT id::text, key, status FROM sagas_run ORDER BY id")
        return [Run(*row) for row in rows]

    def open(self) -> list[Open]:
        rows = self._rows(
            "SELECT key, order_id::text, watched FROM payments_operation "
            "WHERE state NOT IN ('succeeded', 'failed') ORDER BY key"
        )
        return [Open(*row) for row in rows]

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()
