"""What the database refuses to write into the books, whoever asks."""

import pytest
from django.db import IntegrityError, connection, transaction

from campusg.ids import new_id
from escrow.chart import Code
from escrow.ledger import Leg
from escrow.models import Account, Entry, Hold, Journal, JournalKind
from escrow.services import cancel, hold
from tests.escrow.books import (
    PENDING,
    POSTED,
    C,
    D,
    accounts_of,
    commit_checks,
    terms,
    transfer,
    write,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def order_id():
    order = terms()
    hold(**order)
    return order["order_id"]


@pytest.fixture
def accounts(order_id):
    return accounts_of(order_id)


@pytest.mark.parametrize("table", ["escrow_journal", "escrow_entry"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_the_books_are_only_added_to(order_id, table, statement):
    with pytest.raises(IntegrityError, match="forbidden"):
        run(statement.format(table))


@pytest.mark.parametrize("table", ["escrow_account", "escrow_hold"])
def test_accounts_and_holds_are_never_deleted(order_id, table):
    with pytest.raises(IntegrityError, match="forbidden"):
        run(f"DELETE FROM {table}")


@pytest.mark.parametrize(
    "table", ["escrow_account", "escrow_journal", "escrow_entry", "escrow_hold"]
)
def test_no_book_is_emptied_at_a_stroke(table):
    with pytest.raises(IntegrityError, match=f"TRUNCATE of {table} is forbidden"):
        run(f"TRUNCATE {table} CASCADE")


def run(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("change", [{"total": 1}, {"restaurant_id": new_id()}])
def test_what_a_hold_holds_never_changes(order_id, change):
    with pytest.raises(IntegrityError, match=r"forbidden|add_up"):
        Hold.objects.filter(order_id=order_id).update(**change)


def test_an_account_stays_what_it_is(order_id):
    with pytest.raises(IntegrityError, match="forbidden"):
        Account.objects.filter(order_id=order_id).update(currency="EUR")


def test_an_account_is_as_the_chart_says():
    with pytest.raises(IntegrityError, match="escrow_account_as_charted"):
        Account.objects.create(
            code=Code.ESCROW_FOOD, currency="USD", normal_side=C, no_overdraft=False
        )


def test_nobody_is_frozen_without_a_reason(order_id):
    with pytest.raises(IntegrityError, match="escrow_frozen_for_a_reason"):
        Account.objects.filter(order_id=order_id).update(frozen=True)


def test_an_unbalanced_journal_is_refused(order_id, accounts):
    legs = [
        Leg(accounts[Code.CUSTOMER_HOLD], PENDING, D, 100),
        Leg(accounts[Code.ESCROW_FOOD], PENDING, C, 99),
    ]
    with pytest.raises(IntegrityError, match="unbalanced: pending 1 USD"):
        write(order_id, legs)


def test_a_journal_balances_on_each_layer_by_itself(order_id, accounts):
    legs = [
        Leg(accounts[Code.CUSTOMER_HOLD], PENDING, D, 100),
        Leg(accounts[Code.ESCROW_FOOD], POSTED, C, 100),
    ]
    with pytest.raises(IntegrityError, match="unbalanced"):
        write(order_id, legs)


def test_a_leg_slipped_into_an_old_journal_is_refused(order_id, accounts):
    with pytest.raises(IntegrityError, match="unbalanced"):
        Entry.objects.create(
            journal=Journal.objects.get(order_id=order_id),
            account_id=accounts[Code.CUSTOMER_HOLD],
            layer=PENDING,
            side=D,
            amount=1,
            currency="USD",
        )


def test_a_journal_without_entries_is_refused(order_id):
    write(order_id, [])
    with pytest.raises(IntegrityError, match="has no entries"):
        commit_checks()


def test_entries_are_in_their_accounts_currency(order_id, accounts):
    legs = [
        Leg(accounts[Code.CUSTOMER_HOLD], PENDING, D, 1),
        Leg(accounts[Code.ESCROW_FOOD], PENDING, C, 1),
    ]
    with pytest.raises(IntegrityError, match="kept in USD"):
        write(order_id, legs, currency="EUR")


@pytest.mark.parametrize("amount", [0, -5])
def test_an_amount_is_positive(order_id, amount):
    with pytest.raises(IntegrityError, match="escrow_entry_positive"):
        transfer(order_id, Code.CUSTOMER_HOLD, Code.ESCROW_FOOD, amount)


def test_escrow_pays_out_what_is_in_it_and_no_more(order_id):
    with pytest.raises(IntegrityError, match="would go negative"), transaction.atomic():
        transfer(order_id, Code.ESCROW_FOOD, Code.ESCROW_DELIVERY, 1251)
    transfer(order_id, Code.ESCROW_FOOD, Code.ESCROW_DELIVERY, 1250)


@pytest.mark.parametrize(("food", "delivery"), [(1, 400), (1251, 1)])
def test_each_account_of_a_journal_is_looked_at(order_id, accounts, food, delivery):
    legs = [
        Leg(accounts[Code.ESCROW_FOOD], PENDING, D, food),
        Leg(accounts[Code.ESCROW_DELIVERY], PENDING, D, delivery),
        Leg(accounts[Code.ESCROW_PLATFORM], PENDING, C, food + delivery),
    ]
    with pytest.raises(IntegrityError, match="would go negative"):
        write(order_id, legs)


def test_what_is_pending_does_not_cover_what_is_posted(order_id, accounts):
    legs = [
        Leg(accounts[Code.ESCROW_FOOD], POSTED, D, 1),
        Leg(accounts[Code.CUSTOMER_HOLD], POSTED, C, 1),
    ]
    with pytest.raises(IntegrityError, match="would go negative"):
        write(order_id, legs)


def test_a_key_is_posted_once(order_id):
    with pytest.raises(IntegrityError, match="escrow_journal_key"):
        transfer(order_id, Code.CUSTOMER_HOLD, Code.ESCROW_FOOD, 1, key=f"order:{order_id}:hold")


def test_a_journal_is_reversed_once(order_id):
    original = Journal.objects.get(order_id=order_id)
    cancel(order_id=order_id)
    with pytest.raises(IntegrityError, match="reverses"):
        transfer(
            order_id,
            Code.CUSTOMER_HOLD,
            Code.ESCROW_FOOD,
            1,
            kind=JournalKind.CANCEL,
            reverses=original.id,
        )
