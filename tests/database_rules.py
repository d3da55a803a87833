"""Each rule that PostgreSQL keeps about the books and about rows that are written once, and what
breaks it: `docs/database-rules.md`."""

import json
from typing import NamedTuple
from uuid import uuid4

#: An id that no row has.
NEW = 9_000_000_000_000


class Rule(NamedTuple):
    """A trigger or constraint of a table; what it is for; statements that each break it, and it
    alone, once the rules `beside` it are out of the way."""

    table: str
    name: str
    keeps: str
    broken_by: tuple[str, ...]
    beside: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"


def copied(table: str, **changes: object) -> str:
    """Write the row of the table that is looked at once more, with these changes."""
    values = json.dumps(changes, default=str).replace("'", "''")
    return (
        f"INSERT INTO {table} SELECT (jsonb_populate_record(one, '{values}')).*"
        f" FROM {table} one WHERE {{{table}}}"
    )


def changed(table: str, how: str) -> str:
    """Change the row of the table that is looked at."""
    return f"UPDATE {table} SET {how} WHERE {{{table}}}"


def deleted(table: str) -> str:
    """Delete the row of the table that is looked at."""
    return f"DELETE FROM {table} WHERE {{{table}}}"


def append_only(table: str) -> list[Rule]:
    kept = "what is written stays as it is, and stays"
    return [
        Rule(table, "append_only", kept, (changed(table, "id = id"), deleted(table))),
        never_truncated(table),
    ]


def never_deleted(table: str) -> Rule:
    return Rule(table, "never_deleted", "no row is deleted", (deleted(table),))


def never_truncated(table: str, *beside: str) -> Rule:
    kept = "the table is not emptied at a stroke"
    return Rule(table, "never_truncated", kept, (f"TRUNCATE {table} CASCADE",), beside)


def only_changes(table: str, how: str, kept: str) -> Rule:
    return Rule(table, "only_changes", kept, (changed(table, how),))


ENTRIES_STAY = "escrow_entry.never_truncated"
ACCOUNTS = [
    only_changes("escrow_account", "currency = 'EUR'", "an account stays what it is"),
    never_deleted("escrow_account"),
    never_truncated("escrow_account", ENTRIES_STAY),
    Rule("escrow_account", "escrow_account_as_charted", "an account is as the chart says",
         (copied("escrow_account", id=NEW, order_id=uuid4(), no_overdraft=True),)),
    Rule("escrow_account", "escrow_account_unique", "there is one account of each kind",
         (copied("escrow_account", id=NEW),)),
    Rule("escrow_account", "escrow_frozen_for_a_reason", "nobody is frozen without a reason",
         (changed("escrow_account", "frozen = true"),)),
]  # fmt: skip
JOURNALS = [
    Rule("escrow_journal", "append_only", "a journal stays as it is, and stays",
         (changed("escrow_journal", "id = id"), deleted("escrow_journal"))),
    never_truncated("escrow_journal", ENTRIES_STAY),
    Rule("escrow_journal", "journal_has_entries", "at COMMIT a journal has entries",
         (copied("escrow_journal", id=NEW, key="new") + "; SET CONSTRAINTS ALL IMMEDIATE",)),
    Rule("escrow_journal", "escrow_journal_key_key", "what has a key is booked once",
         (copied("escrow_journal", id=NEW),)),
    Rule("escrow_journal", "escrow_journal_reverses_id_key", "a journal is reversed once",
         ("; ".join(copied("escrow_journal", id=NEW + n, key=f"new {n}", reverses_id=1)
                    for n in (1, 2)),)),
    *append_only("escrow_entry"),
    Rule("escrow_entry", "entries_are_right",
         "a journal balances, in its accounts' currency, and overdraws none",
         (copied("escrow_entry", id=NEW),)),
    Rule("escrow_entry", "escrow_entry_positive", "an amount is positive",
         (copied("escrow_entry", id=NEW, amount=0),)),
    Rule("escrow_entry", "escrow_entry_layer_and_side", "an entry is on a layer and a side",
         ("INSERT INTO escrow_entry (id, journal_id, account_id, side, layer, amount, currency)"
          " SELECT id + 9000000000, journal_id, account_id, side, 'nowhere', amount, currency"
          " FROM escrow_entry WHERE journal_id IN"
          " (SELECT journal_id FROM escrow_entry WHERE {escrow_entry})",)),
]  # fmt: skip
HOLDS = [
    only_changes("escrow_hold", "restaurant_id = gen_random_uuid()", "whose it is never changes"),
    never_deleted("escrow_hold"),
    never_truncated("escrow_hold"),
    Rule("escrow_hold", "escrow_hold_order_id_key", "an order has one hold",
         (copied("escrow_hold", id=uuid4()),)),
    Rule("escrow_hold", "escrow_hold_shares_add_up", "the shares make the total",
         (copied("escrow_hold", id=uuid4(), order_id=uuid4(), total=1),)),
    Rule("escrow_hold", "escrow_hold_not_negative", "something is held",
         (copied("escrow_hold", id=uuid4(), order_id=uuid4(), total=0, food_fee=0, delivery_fee=0,
                 platform_fee=0),)),
    *(Rule("escrow_hold", f"escrow_hold_{time}", "each status has its time, and no other",
           (changed("escrow_hold", f"{time} = now()"),))
      for time in ("cancelled_at", "captured_at", "released_at", "claimed_at")),
    *(Rule("escrow_hold", f"escrow_hold_{share}_bounded",
           "refunded at most what was captured, captured at most what was held",
           (changed("escrow_hold", f"captured_{share} = {share}_fee + 1"),
            changed("escrow_hold", f"refunded_{share} = 1")))
      for share in ("food", "delivery", "platform")),
]  # fmt: skip
ORDERS = [
    only_changes("orders_order", "customer_id = gen_random_uuid()",
                 "what was ordered never changes"),
    Rule("orders_order", "allowed_edges", "a status moves along the table's edges",
         (changed("orders_order", "status = 'CANCELLING', cancelling_at = now()"),)),
    Rule("orders_order", "first_status", "an order begins PENDING",
         (copied("orders_order", id=uuid4(), status="CREATED", created_at="2026-01-01"),)),
    Rule("orders_order", "orders_amounts_not_negative", "an order costs something",
         (copied("orders_order", id=uuid4(), total=0, food_fee=0, delivery_fee=0,
                 platform_fee=0),)),
    Rule("orders_order", "orders_shares_add_up", "the shares make the total",
         (copied("orders_order", id=uuid4(), total=1),)),
    Rule("orders_order", "orders_runner_is_another", "nobody delivers to themselves",
         (changed("orders_order", "runner_id = customer_id"),),
         ("orders_order.orders_runner_where_needed",)),
    Rule("orders_order", "orders_runner_where_needed", "what is accepted has a runner",
         (changed("orders_order", "status = 'ACCEPTED', accepted_at = now()"),),
         ("orders_order.allowed_edges",)),
    Rule("orders_order", "orders_status_has_its_time", "each status has its time",
         (changed("orders_order", "status = 'CREATED'"),)),
    Rule("orders_order", "orders_status_known", "a status is one of the table",
         (changed("orders_order", "status = 'LOST'"),), ("orders_order.allowed_edges",)),
    *append_only("orders_orderitem"),
    Rule("orders_orderitem", "orders_line_multiplies", "price times quantity is the line",
         (copied("orders_orderitem", id=uuid4(), menu_item_id=uuid4(), line_total=1),)),
    Rule("orders_orderitem", "orders_one_line_per_menu_item", "a dish has one line",
         (copied("orders_orderitem", id=uuid4()),)),
    Rule("orders_orderitem", "orders_quantity_bounded", "one to twenty of a dish",
         (copied("orders_orderitem", id=uuid4(), menu_item_id=uuid4(), quantity=0,
                 line_total=0),)),
    *append_only("orders_rating"),
    Rule("orders_rating", "orders_stars", "one to five stars",
         (copied("orders_rating", id=NEW, by_id=uuid4(), stars=6),)),
    Rule("orders_rating", "orders_rated_once_by_each", "each rates once",
         (copied("orders_rating", id=NEW),)),
    Rule("orders_rating", "orders_nobody_rates_themselves", "nobody rates themselves",
         (changed("orders_rating", "about_id = by_id"),), ("orders_rating.append_only",)),
]  # fmt: skip
OTHERS = [
    only_changes("events_outboxevent", "type = 'a.lie'", "what was told never changes"),
    never_deleted("events_outboxevent")._replace(keeps="what nobody has heard yet is kept"),
    never_truncated("events_outboxevent"),
    Rule("events_outboxevent", "events_outbox_type_dotted", "an event has a dotted name",
         (copied("events_outboxevent", seq=NEW, id=uuid4(), aggversion=999, type="undotted"),)),
    Rule("events_outboxevent", "events_outbox_version_unique", "an order's versions differ",
         (copied("events_outboxevent", seq=NEW, id=uuid4()),)),
    Rule("events_outboxevent", "events_outboxevent_id_key", "an event has an id of its own",
         (copied("events_outboxevent", seq=NEW, aggversion=999),)),
    only_changes("notifications_notification", "event_id = gen_random_uuid()",
                 "what somebody was told never changes"),
    Rule("notifications_notification", "notifications_one_per_event_and_person",
         "an event is told each person once",
         (copied("notifications_notification", id=uuid4()),)),
    Rule("notifications_notification", "notifications_role_known", "a role is one of ours",
         (copied("notifications_notification", id=uuid4(), event_id=uuid4(), role="king"),)),
    only_changes("payments_break", "ours = 'else'", "what was found never changes"),
    never_deleted("payments_break"),
    never_truncated("payments_break"),
    Rule("payments_break", "break_found_once", "a break is found once",
         (copied("payments_break", id=NEW),)),
    Rule("payments_break", "break_resolved_somehow", "what is resolved says how",
         (changed("payments_break", "resolved_at = now()"),)),
    *append_only("sagas_action"),
    Rule("sagas_action", "action_has_a_reason", "nobody acts without a reason",
         (copied("sagas_action", id=NEW, reason=""),)),
]  # fmt: skip
NOBODY = "who decides is known, and why"
MONEY_BACK = [
    *(rule for table in ("payments_dispute", "payments_refund")
      for rule in (never_deleted(table), never_truncated(table))),
    Rule("payments_dispute", "payments_dispute_stripe_id_key", "a dispute is noted once",
         (copied("payments_dispute", id=uuid4()),)),
    Rule("payments_dispute", "dispute_status_known", "a status is one of Stripe's",
         (changed("payments_dispute", "status = 'else'"),),
         ("payments_dispute.dispute_closed_has_time",)),
    Rule("payments_dispute", "dispute_closed_has_time", "what is decided has its time",
         (changed("payments_dispute", "closed_at = now()"),
          changed("payments_dispute", "status = 'lost'"))),
    Rule("payments_dispute", "payments_dispute_version_check", "a version counts from nought",
         (changed("payments_dispute", "version = -1"),)),
    Rule("payments_dispute", "dispute_payees_decided_by_somebody_for_a_reason", NOBODY,
         (changed("payments_dispute", "payees = 'paid'"),)),
    Rule("payments_refund", "payments_refund_stripe_id_key", "a refund is noted once",
         (copied("payments_refund", id=uuid4()),),
         ("payments_refund.payments_refund_operation_id_key",)),
    Rule("payments_refund", "payments_refund_operation_id_key", "a call makes one refund",
         (copied("payments_refund", id=uuid4(), stripe_id="re_2"),)),
    Rule("payments_refund", "refund_status_known", "a status is one of Stripe's",
         (changed("payments_refund", "status = 'else'"),)),
    Rule("payments_refund", "refund_repaid_by_somebody_for_a_reason", NOBODY,
         (changed("payments_refund", "repaid_at = now()"),)),
]  # fmt: skip
RULES = [*ACCOUNTS, *JOURNALS, *HOLDS, *ORDERS, *MONEY_BACK, *OTHERS]

_HEAD = """\
# Rules that the database keeps

Whoever writes (the code, a migration, a person in psql), PostgreSQL refuses what breaks one of
these. `tests/test_database_rules.py` breaks each one, and sees it refused; then it takes the rule
away and sees the same statement pass, so it is this rule that refuses, and no other. It compares
this list with the database's catalogue, foreign keys aside. This page is made of the same data:
`python -m tests.database_rules > docs/database-rules.md`.

| table | rule | keeps |
|---|---|---|
"""


def page() -> str:
    """`docs/database-rules.md`."""
    return _HEAD + "".join(f"| `{r.table}` | `{r.name}` | {r.keeps} |\n" for r in RULES)


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
