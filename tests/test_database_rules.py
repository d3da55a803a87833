"""Every rule of the database about money and rows written once refuses, and is needed for it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from campusg.ids import new_id
from escrow.models import Account, Entry, Hold, Journal
from escrow.services import hold
from events.models import OutboxEvent
from notifications.models import Notification
from orders.models import Rating
from payments.breaks import Break
from payments.models import Dispute, Operation, Payment, Refund
from sagas.models import Action
from tests.database_rules import RULES, Rule, page
from tests.escrow.books import terms
from tests.factories import a_person, an_order
from tests.sagas.orders_at_rest import authorized
from users.models import Role

DOCS = Path(__file__).resolve().parent.parent / "docs"
TABLES = sorted({rule.table for rule in RULES})


@pytest.fixture
def rows(db: None) -> dict[str, str]:
    """One row of each table, as a condition that finds it."""
    order = an_order()
    hold(**terms(order_id=order.id))
    authorized(order)
    payment = Payment.objects.get(order_id=order.id)
    money = {"payment": payment, "order_id": order.id, "amount": 1772, "currency": "USD"}
    told = OutboxEvent.objects.filter(aggregateid=order.id)
    person = a_person(Role.CUSTOMER)
    found = {
        "escrow_account": Account.objects.get(order_id=order.id, code="customer_hold"),
        "escrow_journal": Journal.objects.get(order_id=order.id),
        "escrow_entry": Entry.objects.filter(journal__order_id=order.id).earliest("id"),
        "escrow_hold": Hold.objects.get(order_id=order.id),
        "orders_order": order,
        "orders_orderitem": order.items.get(),
        "orders_rating": Rating.objects.create(
            order=order, by=order.customer, about=order.restaurant.owner, stars=4
        ),
        "events_outboxevent": told.earliest("aggversion"),
        "notifications_notification": Notification.objects.create(
            person=person, role="customer", event_id=new_id(), order_id=order.id,
            type="order.created", title="Ordered", body="The kitchen knows.",
        ),
        "payments_dispute": Dispute.objects.create(
            stripe_id="du_1", reason="fraudulent", status="needs_response", refundable=False,
            **money,
        ),
        "payments_refund": Refund.objects.create(
            stripe_id="re_1", operation=Operation.objects.get(order_id=order.id), status="pending",
            **money,
        ),
        "payments_break": Break.objects.create(
            layer="stripe", kind="orphan", object_id="ch_1", ours="-", theirs="1", amount=1,
            currency="USD",
        ),
        "sagas_action": Action.objects.create(
            saga="create_order", name="retry", actor="ines", reason="the kitchen called", plan=[]
        ),
    }  # fmt: skip
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    return {table: f"{one._meta.pk.column} = '{one.pk}'" for table, one in found.items()}


def run(statement: str, values: list[object] | None = None) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def rules_of(tables: list[str]) -> dict[str, str]:
    """What takes each rule of these tables away, by the rule's name."""
    triggers = run(
        "SELECT relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
        " WHERE NOT tgisinternal AND relname = ANY(%s)",
        [tables],
    )
    constraints = run(
        "SELECT relname, conname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid"
        " WHERE contype IN ('c', 'u') AND relname = ANY(%s)",
        [tables],
    )
    return {
        **{f"{t}.{_bare(n)}": f"DROP TRIGGER {n} ON {t}" for t, n in triggers},
        **{f"{t}.{n}": f"ALTER TABLE {t} DROP CONSTRAINT {n}" for t, n in constraints},
    }


def _bare(trigger: str) -> str:
    return re.sub(r"^pgtrigger_(.*)_[0-9a-f]+$", r"\1", trigger)


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_rule_refuses_what_breaks_it_and_nothing_else_would(
    rows: dict[str, str], rule: Rule
) -> None:
    remove = rules_of(TABLES)
    for one in rule.broken_by:
        statement = re.sub(r"\{(\w+)\}", lambda table: rows[table[1]], one)
        with undone():
            for other in rule.beside:
                run(remove[other])
            with pytest.raises(IntegrityError), transaction.atomic():
                run(statement)
            run(remove[str(rule)])
            run(statement)


def test_no_rule_of_these_tables_is_left_out(db: None) -> None:
    assert set(rules_of(TABLES)) == {str(rule) for rule in RULES}


def test_every_table_that_triggers_guard_is_here(db: None) -> None:
    guarded = run(
        "SELECT DISTINCT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
        " WHERE tgname LIKE 'pgtrigger%%' AND relnamespace = 'public'::regnamespace"
    )
    assert {name for (name,) in guarded} == set(TABLES)


def test_the_page_lists_these_rules() -> None:
    assert (DOCS / "database-rules.md").read_text() == page()
