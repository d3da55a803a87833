"""Looking at the campus from outside: plain SQL on its tables, none of its own code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2

from devstack.play.evidence import Booked, Handled, Heard, Open, Order, Recorded, Run, Told

_COUNTS = """
SELECT count(*),
       count(*) FILTER (WHERE created_at IS NOT NULL),
       count(*) FILTER (WHERE runner_id IS NOT NULL AND status NOT LIKE 'C%'),
       count(*) FILTER (WHERE status LIKE 'COMPLETED%'),
       count(*) FILTER (WHERE status = 'CANCELLED'),
       (SELECT count(*) FROM sagas_run WHERE status NOT IN ('COMPLETED', 'COMPENSATED')),
       (SELECT count(*) FROM sagas_run WHERE recovered > 0),
       (SELECT count(*) FROM events_outboxevent),
       (SELECT count(*) FROM events_inboxevent),
       (SELECT count(*) FROM notifications_notification)
  FROM orders_order
"""

# What still moves by itself: orders that have not ended, active runs, calls that a run or the
# janitor will make soon, money found after its order gave up, which the janitor gives back, events
# on their way, people who are to be told, and webhooks that nobody has followed yet. A
# watched call that stays unknown is asked about for days, a payout to a restricted account waits
# to be told, and what waits for a person waits for ever: none is a reason to wait here.
_MOVING = """
SELECT EXISTS (SELECT FROM orders_order
                WHERE status NOT IN ('COMPLETED', 'COMPLETED_UNPAID', 'CANCELLED'))
    OR EXISTS (SELECT FROM sagas_run
                WHERE status IN ('RUNNING', 'WAITING', 'COMPENSATING')
                  AND NOT (saga = 'pay_out' AND status = 'WAITING'
                           AND waits_for = 'payout_account.updated'))
    OR EXISTS (SELECT FROM payments_operation WHERE state IN ('sent', 'unknown') AND NOT watched)
    OR EXISTS (SELECT FROM payments_payment p
                WHERE status = 'RELEASING' AND NOT EXISTS (
                      SELECT FROM payments_operation o WHERE o.payment_id = p.id
                         AND (o.state = 'needs_operator'
                              OR o.watched AND o.state IN ('sent', 'unknown'))))
    OR (SELECT count(*) FROM events_outboxevent) > (SELECT count(*) FROM events_inboxevent)
    OR EXISTS (SELECT FROM notifications_delivery WHERE next_try_at IS NOT NULL)
    OR EXISTS (SELECT FROM payments_stripeevent WHERE state = 'received')
"""

_UNDER_WAY = """
SELECT (SELECT count(*) FROM orders_order
         WHERE status NOT IN ('COMPLETED', 'COMPLETED_UNPAID', 'CANCELLED')),
       (SELECT count(*) FROM sagas_run WHERE status IN ('RUNNING', 'COMPENSATING'))
"""

_PARKED = """
SELECT saga, reason, remedy, count(*) FROM sagas_run WHERE status = 'PARKED'
 GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2
"""

# Why each order ended as it did: who called it off and how far it had come; else the step that
# was refused, and for a payment whether Stripe said no or said nothing.
_OUTCOMES = """
SELECT o.status,
       CASE WHEN o.status = 'COMPLETED_UNPAID' THEN 'card declined after the delivery'
            WHEN o.status <> 'CANCELLED' AND p.status = 'CAPTURED' AND p.released_at IS NOT NULL
            THEN 'card declined after the delivery, then paid'
            WHEN o.status <> 'CANCELLED' THEN ''
            WHEN c.facts ->> 'by' = 'timeout' THEN 'no runner in time'
            WHEN c.id IS NOT NULL
            THEN 'called off by the ' || (c.facts ->> 'by') || ', ' || (c.facts ->> 'status_before')
            WHEN s.participant = 'payments.authorize' AND p.status = 'FAILED' THEN 'card declined'
            WHEN s.participant = 'payments.authorize' THEN 'Stripe did not answer in time'
            WHEN s.participant = 'escrow.hold' THEN 'restaurant frozen'
            WHEN s.participant IS NULL THEN 'called off by the customer, while being created'
            ELSE s.participant END,
       count(*)
  FROM orders_order o
  LEFT JOIN sagas_run r ON r.key = o.id::text AND r.saga = 'create_order'
  LEFT JOIN sagas_run c ON c.key = o.id::text AND c.saga = 'cancel_order'
   AND c.status = 'COMPLETED'
  LEFT JOIN sagas_steplog s ON s.run_id = r.id AND s.direction = 'do' AND s.state = 'REFUSED'
  LEFT JOIN payments_payment p ON p.order_id = o.id
 GROUP BY 1, 2 ORDER BY o.status DESC, 3 DESC, 2
"""

_ORDERS = """
SELECT id::text, status, currency, food_fee, delivery_fee, platform_fee,
       (SELECT count(*) FROM events_outboxevent e
         WHERE e.aggregateid = o.id AND e.type = 'order.accepted')
  FROM orders_order o ORDER BY id
"""

# What the ledger's entries say, each on the side on which its account grows.
_ENTRIES = """
SELECT j.order_id::text AS order_id, j.kind, a.code, a.currency,
       CASE WHEN e.side = a.normal_side THEN e.amount ELSE -e.amount END AS amount
  FROM escrow_entry e
  JOIN escrow_journal j ON j.id = e.journal_id
  JOIN escrow_account a ON a.id = e.account_id
 WHERE e.layer = 'posted'
"""


def _sum(code: str, which: str = "true", sign: str = "") -> str:
    return f"coalesce({sign}sum(amount) FILTER (WHERE code = '{code}' AND {which}), 0)::int"


_BOOKED = f"""
SELECT order_id,
       {_sum("restaurant_payable", "kind NOT IN ('pay_out', 'set_off')")},
       {_sum("runner_payable", "kind NOT IN ('pay_out', 'set_off')")},
       {_sum("platform_revenue")},
       {_sum("customer_claim")},
       {_sum("restaurant_payable", "kind = 'pay_out'", "-")},
       {_sum("runner_payable", "kind = 'pay_out'", "-")}
  FROM ({_ENTRIES}) entries WHERE order_id IS NOT NULL GROUP BY 1 ORDER BY 1
"""
_CLEARING = f"""
SELECT lower(currency), sum(amount)::int FROM ({_ENTRIES}) entries
 WHERE code = 'stripe_clearing' GROUP BY 1
"""

_EVENTS = """
SELECT o.type, count(*), count(i.event_id),
       (SELECT count(*) FROM notifications_notification n WHERE n.type = o.type)
  FROM events_outboxevent o LEFT JOIN events_inboxevent i ON i.event_id = o.id
 GROUP BY o.type ORDER BY o.type
"""

_NO_NEWS = "note ~ '^(known already|0 runs)'"
_WEBHOOKS = f"""
SELECT type, count(*), count(*) FILTER (WHERE state = 'done' AND NOT {_NO_NEWS}),
       count(*) FILTER (WHERE state = 'done' AND {_NO_NEWS}),
       count(*) FILTER (WHERE state = 'dead')
  FROM payments_stripeevent GROUP BY type ORDER BY type
"""
_HEARD = """
SELECT count(*), count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'dead')
  FROM payments_stripeevent
"""

_OPERATIONS = """
SELECT kind, state, watched, count(*), sum(tries) FROM payments_operation
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


@dataclass(frozen=True)
class Counts:
    """How far the campus has come."""

    orders: int
    created: int  # at some time
    on_the_way: int  # with a runner, not yet handed over
    completed: int
    cancelled: int
    live: int
    recovered: int
    recorded: int  # events
    handled: int
    told: int  # notifications


class Watch:
    """A connection of our own, every query in a transaction of its own."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connect()

    def _connect(self) -> None:
        self._connection = psycopg2.connect(self._url)
        self._connection.autocommit = True

    def close(self) -> None:
        self._connection.close()

    def counts(self) -> Counts:
        return Counts(*self._rows(_COUNTS)[0])

    def moving(self) -> bool:
        """Whether anything is still to happen by itself, soon."""
        return bool(self._rows(_MOVING)[0][0])

    def under_way(self) -> tuple[int, int]:
        """How many orders have not ended, and how many runs are active."""
        ((orders, runs),) = self._rows(_UNDER_WAY)
        return orders, runs

    def workers(self) -> set[int]:
        """The process ids of the workers at work, as they say themselves every few seconds."""
        rows = self._rows(
            "SELECT substring(name FROM '\\((\\d+)\\)$')::int FROM sagas_worker "
            "WHERE seen_at > now() - interval '12 s'"
        )
        return {pid for (pid,) in rows}

    def parked(self) -> Sequence[tuple[str, str, str, int]]:
        """The runs that wait for a person: saga, reason, remedy, and how many of a kind."""
        return self._rows(_PARKED)

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
        return [Order(*row) for row in self._rows(_ORDERS)]

    def runs(self) -> list[Run]:
        rows = self._rows(
            "SELECT id::text, saga, key, status, waits_for FROM sagas_run ORDER BY id"
        )
        return [Run(*row) for row in rows]

    def booked(self) -> list[Booked]:
        """By order, what its entries in the ledger come to."""
        return [Booked(*row) for row in self._rows(_BOOKED)]

    def clearing(self) -> dict[str, int]:
        """What should stand at Stripe, by currency in lower case."""
        return dict(self._rows(_CLEARING))

    def open(self) -> list[Open]:
        rows = self._rows(
            "SELECT key, order_id::text, watched FROM payments_operation "
            "WHERE state NOT IN ('succeeded', 'failed') ORDER BY key"
        )
        return [Open(*row) for row in rows]

    def unpaid(self) -> set[str]:
        """The orders of which a capture was refused."""
        rows = self._rows(
            "SELECT order_id::text FROM payments_operation "
            "WHERE kind = 'capture' AND state = 'failed'"
        )
        return {order_id for (order_id,) in rows}

    def events(self) -> Sequence[tuple[str, int, int, int]]:
        """Of each type: how many were recorded, handled, and what people were told of them."""
        return self._rows(_EVENTS)

    def recorded(self) -> list[Recorded]:
        rows = self._rows("SELECT id::text, published_at IS NOT NULL FROM events_outboxevent")
        return [Recorded(*row) for row in rows]

    def inbox(self) -> list[Handled]:
        rows = self._rows("SELECT event_id::text, ignored FROM events_inboxevent")
        return [Handled(*row) for row in rows]

    def webhooks(self) -> Sequence[tuple[str, int, int, int, int]]:
        """Of each type: how many came, were news when followed, were known already, are dead."""
        return self._rows(_WEBHOOKS)

    def heard(self) -> Heard:
        """All of them together."""
        return Heard(*self._rows(_HEARD)[0])

    def told(self) -> list[Told]:
        """Deliveries by channel and state."""
        rows = self._rows(
            "SELECT channel, state, count(*) FROM notifications_delivery"
            " GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return [Told(*row) for row in rows]

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        try:
            return self._asked(sql)
        except psycopg2.OperationalError:  # The server may have been started anew.
            self._connection.close()
            self._connect()
            return self._asked(sql)

    def _asked(self, sql: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()
