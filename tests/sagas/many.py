"""Many orders out of a few: each with all its rows, copied under ids of their own."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID, uuid5

from django.db import connection

from orders.models import Order

Rows = dict[str, list[dict[str, Any]]]
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: The rows of an order, table by table.
_OF_ORDER = {
    "orders_order": "id = %(order)s",
    "orders_orderitem": "order_id = %(order)s",
    "payments_payment": "order_id = %(order)s",
    "payments_operation": "order_id = %(order)s",
    "escrow_hold": "order_id = %(order)s",
    "escrow_account": "order_id = %(order)s",
    "escrow_journal": "order_id = %(order)s",
    "escrow_entry": "journal_id IN (SELECT id FROM escrow_journal WHERE order_id = %(order)s)",
    "scheduler_scheduledevent": "entity_id = %(order)s",
    "events_stream": "aggregateid = %(order)s",
    "events_outboxevent": "aggregateid = %(order)s",
    "sagas_run": "split_part(key, ':', 1) = %(order)s::text",
    "sagas_steplog": "run_id IN (SELECT id FROM sagas_run"
    " WHERE split_part(key, ':', 1) = %(order)s::text)",
}
#: Numbers that a copy has of its own, where they name a row that is copied as well.
_NUMBERS = {
    "id": tuple(_OF_ORDER), "seq": ("events_outboxevent",), "journal_id": ("escrow_entry",),
    "reverses_id": ("escrow_journal",), "account_id": ("escrow_entry",),
}  # fmt: skip
_NAMES_AT_STRIPE = ("stripe_id", "payment_intent", "charge")
_APART = 100_000_000
AT_ONCE = 50


def multiply(seeds: Iterable[Order], copies: int) -> None:
    """So many copies of each order, past every guard; events are published and handled, and the
    tables are analyzed. Inside a transaction that is rolled back."""
    for rows in map(_rows_of, seeds):
        text, ours = json.dumps(rows), _ids(rows)
        accounts = {row["id"] for row in rows["escrow_account"]}
        for first in range(1, copies + 1, AT_ONCE):
            batch: Rows = {table: [] for table in _OF_ORDER}
            for number in range(first, min(first + AT_ONCE, copies + 1)):
                for table, copied in _copy(text, ours, accounts, number):
                    batch[table] += copied
            for table, copied in batch.items():
                _insert(table, copied)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_outboxevent SET published_at = now() - interval '10 minutes'")
        cursor.execute(
            "INSERT INTO events_inboxevent (consumer, event_id, order_id, version, type,"
            " ignored) SELECT 'notifications', id, aggregateid, aggversion, type, false"
            " FROM events_outboxevent ON CONFLICT DO NOTHING"
        )
        cursor.execute("ANALYZE")


def _rows_of(order: Order) -> Rows:
    with connection.cursor() as cursor:
        rows: Rows = {}
        for table, which in _OF_ORDER.items():
            cursor.execute(f"SELECT to_jsonb(t) FROM {table} t WHERE {which}", {"order": order.pk})
            rows[table] = [json.loads(row) for (row,) in cursor.fetchall()]
    return rows


def _ids(rows: Rows) -> set[str]:
    """Of its rows; people and kitchens are shared."""
    return {row["id"] for of in rows.values() for row in of if isinstance(row.get("id"), str)}


def _copy(
    text: str, ours: set[str], accounts: set[int], number: int
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    def another(found: re.Match[str]) -> str:
        return str(uuid5(UUID(found[0]), str(number))) if found[0] in ours else found[0]

    rows: Rows = json.loads(_UUID.sub(another, text))
    for table, of in rows.items():
        for row in of:
            for name, tables in _NUMBERS.items():
                moves = table in tables and isinstance(row.get(name), int)
                if moves and (name != "account_id" or row[name] in accounts):
                    row[name] += number * _APART
            for name in _NAMES_AT_STRIPE:
                if row.get(name):
                    row[name] += f"_{number}"
        yield table, of


def _insert(table: str, rows: list[dict[str, Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(null::{table}, %s)",
            [json.dumps(rows)],
        )
