"""What became of an order, as everybody involved tells it: equal to one that nobody harmed?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import requests
from django.conf import settings
from django.db import connection

from devstack.crashtest.relaying import at_the_broker
from sagas.books import OF_THE_RELAY, snapshot, violations

_RUNS = "SELECT saga, status FROM sagas_run WHERE key LIKE %(key)s ORDER BY saga, started_at, id"
_ORDER = "SELECT status FROM orders_order WHERE id = %(id)s"
_EVENTS = "SELECT type, aggversion FROM events_outboxevent WHERE aggregateid = %(id)s ORDER BY seq"
_CALLS = "SELECT kind, n, state FROM payments_operation WHERE order_id = %(id)s ORDER BY 1, 2, 3"
_BOOKS = """
SELECT j.kind, a.code, e.layer, e.side, e.amount
  FROM escrow_journal j JOIN escrow_entry e ON e.journal_id = j.id
  JOIN escrow_account a ON a.id = e.account_id
 WHERE j.order_id = %(id)s ORDER BY 1, 2, 3, 4, 5
"""
_TIMERS = """
SELECT event_type, status FROM scheduler_scheduledevent WHERE entity_id = %(id)s ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Story:
    """An order's life without ids and times, so that two lives can be compared."""

    parts: Mapping[str, Any]

    def differences(self, other: "Story") -> list[str]:
        """Each part in which it differs from `other`, the undisturbed one."""
        return [
            f"{name}: {self.parts[name]}, undisturbed {other.parts[name]}"
            for name in self.parts
            if self.parts[name] != other.parts[name]
        ]


@dataclass(frozen=True)
class Outside:
    """What others know of every order: the sandbox of its money, the broker of its events."""

    at_stripe: Mapping[str, Any]
    at_the_broker: Mapping[UUID, list[int]]

    @classmethod
    def asked(cls) -> "Outside":
        """As it is now; nothing is under way."""
        return cls(_at_stripe(), at_the_broker())


def story(order_id: UUID, outside: Outside) -> Story:
    """The order's life as its rows, the sandbox and the broker tell it."""
    values = {"id": order_id, "key": f"{order_id}%"}
    money = outside.at_stripe.get(str(order_id), {})
    events = _rows(_EVENTS, values)
    return Story(
        {
            "order": _rows(_ORDER, values),
            "runs": _rows(_RUNS, values),
            "events": sorted(type_ for type_, _ in events),
            "gaps": [n for n, (_, version) in enumerate(events, 1) if n != version],
            "relayed": outside.at_the_broker.get(order_id, []) == [n for _, n in events],
            "operations": _rows(_CALLS, values),
            "books": _rows(_BOOKS, values),
            "timers": _rows(_TIMERS, values),
            "stripe": {key: value for key, value in money.items() if isinstance(value, int)},
        }
    )


def _at_stripe() -> dict[str, Any]:
    """What the sandbox says of every order, by its id."""
    url = f"{settings.STRIPE_API_BASE}/_sandbox/orders"
    return {one["order_id"]: one for one in requests.get(url, timeout=30).json()["data"]}


def never_opened() -> list[UUID]:
    """Orders that nobody ended: those whose money was moved by hand, step by step."""
    return [row[0] for row in _rows("SELECT id FROM orders_order WHERE status = 'PENDING'", {})]


def books() -> list[str]:
    """Every invariant that does not hold, with the rows against it."""
    with snapshot():
        return [f"{one.invariant.name}: {one.rows}" for one in violations(but=OF_THE_RELAY)]


def _rows(query: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())
