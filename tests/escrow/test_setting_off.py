"""Setting off: the oldest debt first, a part of each payout, each once."""

import pytest

from campusg.ids import new_id
from escrow.chart import Code
from escrow.ledger import _accounts
from escrow.services import balance, release, reverse_payout, set_off
from tests.escrow.lives import captured, give_back, pay, released

pytestmark = pytest.mark.django_db
RUNNER = Code.RUNNER_PAYABLE


@pytest.fixture
def owing():
    """An order whose runner was paid 399 and then owes all of it."""
    order = released()
    pay(order, RUNNER, 399)
    give_back(order, delivery=399)
    return order


def kept(order, owing, amount=399):
    return set_off(order_id=order["order_id"], owner=owing["runner_id"], code=RUNNER, amount=amount)


def earned_by(runner_id):
    """Another order's delivery fee, owed to the same runner."""
    order = captured() | {"runner_id": runner_id}
    release(**order)
    return order


def debt(owing):
    return balance(Code.PAYEE_RECEIVABLE, order_id=owing["order_id"], owner=owing["runner_id"])


@pytest.mark.parametrize(("basis_points", "part"), [(0, 0), (5000, 200), (10_000, 399)])
def test_no_more_is_kept_back_than_the_setting_says(settings, owing, basis_points, part):
    settings.SET_OFF_BASIS_POINTS = basis_points
    order = earned_by(owing["runner_id"])
    assert kept(order, owing) == part
    assert debt(owing) == 399 - part
    assert balance(RUNNER, order_id=order["order_id"], owner=owing["runner_id"]) == 399 - part


def test_asked_again_it_keeps_back_the_same_and_no_more(owing):
    order = earned_by(owing["runner_id"])
    assert kept(order, owing) == kept(order, owing) == 200
    assert debt(owing) == 199


def test_no_more_is_kept_back_than_is_owed(owing):
    kept(earned_by(owing["runner_id"]), owing)
    last = earned_by(owing["runner_id"])
    assert kept(last, owing) == 199
    assert debt(owing) == 0
    assert kept(earned_by(owing["runner_id"]), owing) == 0


def test_of_an_order_whose_payee_once_owed_a_part_of_it_the_rest_is_set_off(owing):
    order = earned_by(owing["runner_id"])
    pay(order, RUNNER, 399)
    give_back(order, delivery=100)
    pay(order, RUNNER, 399, by=reverse_payout)
    assert kept(order, owing) == 200
    assert balance(RUNNER, order_id=order["order_id"], owner=owing["runner_id"]) == 99


def test_an_account_on_which_nothing_stands_is_no_debt(owing):
    runner = owing["runner_id"]
    _accounts(new_id(), "USD", {(Code.PAYEE_RECEIVABLE, runner)})
    assert [kept(earned_by(runner), owing) for _ in range(3)] == [200, 199, 0]


def test_nobody_pays_another_s_debt(owing):
    order = released()
    assert (
        set_off(order_id=order["order_id"], owner=order["runner_id"], code=RUNNER, amount=399) == 0
    )
