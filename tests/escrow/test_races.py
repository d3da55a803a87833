"""The same money wanted by several at the same moment."""

from functools import partial
from threading import Event

import pytest
from django.db import IntegrityError, transaction

from campusg.ids import new_id
from escrow import ledger
from escrow.chart import ESCROW, Code
from escrow.errors import AlreadyHeld, EscrowCapReached
from escrow.ledger import open_accounts_of_order
from escrow.models import Account, Hold, HoldStatus, Journal
from escrow.services import balance_of_order, cancel, hold, release, unsettled
from tests.escrow.books import PENDING, terms, told, transfer, world
from tests.escrow.lives import give_back, held, pay, standing, take
from tests.threads import at_once, raised, until_somebody_waits_for_me

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("committed_db")]


def test_eight_holds_of_one_order_are_one_hold():
    order = terms()
    results = at_once([lambda: hold(**order)["hold_id"]] * 8)
    assert set(results) == {Hold.objects.get(order_id=order["order_id"]).id}
    assert unsettled(order_id=order["order_id"], total=1772, completed=True) == 0
    assert told(order["order_id"]) == ["escrow.held"]


def test_eight_who_cancel_one_hold_cancel_it_once():
    order = terms()
    hold(**order)
    assert at_once([lambda: cancel(order_id=order["order_id"])] * 8) == [None] * 8
    assert Journal.objects.filter(order_id=order["order_id"]).count() == 2
    assert unsettled(order_id=order["order_id"], total=1772, completed=False) == 0
    assert told(order["order_id"]) == ["escrow.held", "escrow.cancelled"]


def test_holding_and_cancelling_at_once_leave_whole_books():
    order = terms()
    results = at_once([lambda: hold(**order), lambda: cancel(order_id=order["order_id"])] * 4)
    assert raised(results, Exception) == raised(results, AlreadyHeld)
    status = Hold.objects.get(order_id=order["order_id"]).status
    completed = status == HoldStatus.HELD
    assert unsettled(order_id=order["order_id"], total=1772, completed=completed) == 0


def test_of_eight_who_draw_the_same_money_one_gets_it():
    order = terms()
    hold(**order)

    def draw():
        with transaction.atomic():
            transfer(order["order_id"], Code.ESCROW_FOOD, Code.ESCROW_DELIVERY, 1250)

    assert raised(at_once([draw] * 8), IntegrityError) == 7
    balances = balance_of_order(order_id=order["order_id"])
    assert balances[Code.ESCROW_FOOD, PENDING] == 0
    assert balances[Code.ESCROW_DELIVERY, PENDING] == 399 + 1250


def test_money_that_is_being_drawn_is_not_drawn_again_before_the_commit():
    order, drawn = terms(), Event()
    hold(**order)

    def draw(then=lambda: None):
        with transaction.atomic():
            transfer(order["order_id"], Code.ESCROW_FOOD, Code.ESCROW_DELIVERY, 1250)
            drawn.set()
            then()

    def draw_second():
        assert drawn.wait(30)
        draw()

    first, second = at_once([lambda: draw(until_somebody_waits_for_me), draw_second])
    assert first is None
    assert isinstance(second, IntegrityError)


def test_two_who_draw_crosswise_do_not_wait_for_each_other_for_ever():
    order = terms(food_fee=1000, delivery_fee=1000)
    hold(**order)

    def draw(debit, credit):
        for _ in range(20):
            with transaction.atomic():
                transfer(order["order_id"], debit, credit, 1)

    food, delivery = Code.ESCROW_FOOD, Code.ESCROW_DELIVERY
    crosswise = [lambda: draw(food, delivery), lambda: draw(delivery, food)]
    assert at_once(crosswise * 2) == [None] * 4
    assert balance_of_order(order_id=order["order_id"])[food, PENDING] == 1000


def test_two_who_open_the_same_accounts_do_not_wait_for_each_other_for_ever():
    order_id = terms()["order_id"]

    def open_them(codes):
        for _ in range(20):
            with transaction.atomic():
                open_accounts_of_order(order_id, codes, "USD")

    crosswise = [lambda: open_them(ESCROW), lambda: open_them(ESCROW[::-1])]
    assert at_once(crosswise * 2) == [None] * 4
    assert Account.objects.filter(order_id=order_id).count() == 3


def test_of_two_who_find_an_account_missing_both_have_the_one_that_is_opened():
    order_id, wanted, opened = new_id(), {(Code.PAYEE_RECEIVABLE, new_id())}, Event()

    def find(then=lambda: None):
        with transaction.atomic():
            found = ledger._accounts(order_id, "USD", wanted)
            opened.set()
            then()
        return found

    def find_second():
        assert opened.wait(30)
        return find()

    first, second = at_once([lambda: find(until_somebody_waits_for_me), find_second])
    assert first == second
    assert first.keys() == wanted


def test_the_cap_is_exact_however_many_come_at_once(settings):
    open_before = sum(
        Hold.objects.filter(currency="GBP", status=HoldStatus.HELD).values_list("total", flat=True)
    )
    settings.ESCROW_OPEN_CAP_MINOR = open_before + 3 * 1772
    orders = [terms(currency="GBP") for _ in range(8)]
    results = at_once([lambda order=order: hold(**order) for order in orders])
    assert raised(results, EscrowCapReached) == 5
    for order in orders:
        cancel(order_id=order["order_id"])


def test_whoever_reads_the_books_meanwhile_reads_zero():
    orders = [terms(order_id=new_id()) for _ in range(6)]

    def come_and_go(order):
        hold(**order)
        cancel(order_id=order["order_id"])

    writers = [lambda order=order: come_and_go(order) for order in orders]
    readers = [lambda: set().union(*(world() for _ in range(10)))] * 2
    results = at_once(writers + readers)
    assert results[:6] == [None] * 6
    assert results[6] | results[7] <= {0}


def test_an_order_is_captured_once_however_many_try():
    order, operation_id = held(), new_id()
    assert at_once([partial(take, order, operation_id=operation_id)] * 6) == [None] * 6
    assert at_once([partial(release, **order)] * 6) == [release(**order)] * 6
    assert at_once([partial(pay, order)] * 6) == [None] * 6
    assert Journal.objects.filter(order_id=order["order_id"]).count() == 4
    assert standing(order) == {Code.RUNNER_PAYABLE: 399}


def test_orders_that_settle_at_once_do_not_wait_for_each_other_for_ever():
    restaurant_id = new_id()

    def live(order):
        take(order)
        release(**order)
        pay(order, code=Code.RUNNER_PAYABLE, amount=399)
        give_back(order, food=1250)

    orders = [held(restaurant_id=restaurant_id) for _ in range(8)]
    assert at_once([partial(live, order) for order in orders]) == [None] * 8
    assert world() <= {0}
