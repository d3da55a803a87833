"""What leaves can be followed: paid out once, taken back, refunded from where it stood."""

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from campusg.ids import new_id
from escrow.chart import Code
from escrow.errors import MoreThanCaptured, NoHold
from escrow.models import Hold, Journal
from escrow.services import (
    balance,
    pay_out,
    refund,
    refund_done,
    refund_failed,
    release,
    reverse_payout,
    settled_after_completion,
)
from tests.escrow.books import commit_checks, told, world
from tests.escrow.lives import SHARES, campus, captured, give_back, held, pay, released, standing

pytestmark = pytest.mark.django_db


def test_each_leg_is_paid_out_once():
    order = released()
    for _ in range(2):
        pay(order)
        pay(order, code=Code.RUNNER_PAYABLE, amount=399)
    commit_checks()
    assert standing(order) == {}
    assert campus(order)[Code.STRIPE_CLEARING] == 1772 - 81 - 1250 - 399
    assert told(order["order_id"])[-2:] == ["payout.paid", "payout.paid"]
    assert settled_after_completion(order_id=order["order_id"], captured=1772) == 0
    assert settled_after_completion(order_id=new_id(), captured=0) == 0, "nothing is in place"


def test_a_payee_owes_what_was_paid_beyond_what_they_were_owed():
    order = released()
    give_back(order, food=1250)
    pay(order)
    receivable = balance(
        Code.PAYEE_RECEIVABLE, order_id=order["order_id"], owner=order["restaurant_id"]
    )
    assert receivable == 1250
    pay(order, by=reverse_payout)
    assert Code.PAYEE_RECEIVABLE not in standing(order)
    assert Code.RESTAURANT_PAYABLE not in standing(order)
    assert told(order["order_id"])[-1] == "payout.reversed"


def test_a_reversed_payout_is_owed_again_once():
    order, operation_id = released(), new_id()
    pay(order)
    for _ in range(2):
        pay(order, by=reverse_payout, operation_id=operation_id)
    assert standing(order)[Code.RESTAURANT_PAYABLE] == 1250
    theirs = {"order_id": order["order_id"], "owner": order["restaurant_id"]}
    assert balance(Code.RESTAURANT_PAYABLE, **theirs) == 1250


def test_a_refund_takes_from_each_what_was_theirs_and_leaves_when_stripe_sends_it():
    order, operation_id = released(), new_id()
    for _ in range(2):
        give_back(order, operation_id, food=1250, platform=100)
    assert standing(order) == {Code.RUNNER_PAYABLE: 399, Code.REFUND_IN_FLIGHT: 1350}
    assert campus(order)[Code.PLATFORM_REVENUE] == 23
    for _ in range(2):
        refund_done(order_id=order["order_id"], operation_id=operation_id)
    commit_checks()
    assert standing(order) == {Code.RUNNER_PAYABLE: 399}
    assert campus(order)[Code.STRIPE_CLEARING] == 1772 - 81 - 1350
    assert told(order["order_id"]).count("escrow.refunded") == 1


def test_what_a_payee_has_already_is_refunded_all_the_same_and_owed_by_them():
    order = released()
    pay(order)
    give_back(order, food=1000)
    assert standing(order)[Code.PAYEE_RECEIVABLE] == 1000


def test_money_still_in_escrow_is_refunded_from_there_and_only_the_rest_passed_on():
    order, _another = captured(), released()
    give_back(order, food=250, delivery=399)
    facts = release(**order)
    assert facts == {"restaurant_due": 1000, "runner_due": 0, "platform_kept": 123}
    assert settled_after_completion(order_id=order["order_id"], captured=1772 - 649) == 0


@pytest.mark.parametrize(("amount", "food"), [(250, 251), (0, 0)])
def test_shares_that_do_not_make_the_amount_are_a_mistake(amount, food):
    order = captured()
    mistake = {"order_id": order["order_id"], "operation_id": new_id(), "amount": amount}
    with pytest.raises(ValueError, match="do not make"):
        refund(**mistake, food=food, delivery=0, platform=0)


def test_nobody_gets_back_more_than_they_paid():
    order = released(platform=0)
    give_back(order, food=1000)
    with pytest.raises(MoreThanCaptured, match=r"food fee 2\.50 USD"), transaction.atomic():
        give_back(order, food=251)
    with pytest.raises(MoreThanCaptured, match=r"platform fee 0\.00 USD"), transaction.atomic():
        give_back(order, platform=1)
    give_back(order, food=250)
    with pytest.raises(NoHold, match="paid nothing: the order's hold is HELD"):
        give_back(held(), food=1)


@pytest.mark.parametrize("make", [captured, released])
def test_a_refund_that_failed_leaves_everything_as_it_was(make):
    order, operation_id = make(), new_id()
    before, shared = standing(order), campus(order)
    if make is released:
        pay(order, amount=1000)
        before = standing(order)
        shared = campus(order)
    give_back(order, operation_id, **SHARES)
    for _ in range(2):
        refund_failed(order_id=order["order_id"], operation_id=operation_id)
    refund_failed(order_id=order["order_id"], operation_id=new_id())
    refund_failed(order_id=new_id(), operation_id=operation_id)
    commit_checks()
    assert (standing(order), campus(order)) == (before, shared)
    give_back(order, **SHARES)


@pytest.mark.parametrize("meanwhile", [pay_out, reverse_payout])
def test_a_refund_that_failed_owes_again_whatever_a_payout_did_meanwhile(meanwhile):
    order, operation_id = released(), new_id()
    if meanwhile is reverse_payout:
        pay(order)
    give_back(order, operation_id, food=1250)
    pay(order, by=meanwhile)
    refund_failed(order_id=order["order_id"], operation_id=operation_id)
    commit_checks()
    owed = 1250 if meanwhile is reverse_payout else 0
    assert standing(order).get(Code.RESTAURANT_PAYABLE, 0) == owed
    assert Code.PAYEE_RECEIVABLE not in standing(order)


def test_a_refund_from_escrow_that_failed_after_the_release_is_passed_on_too():
    order, operation_id = captured(), new_id()
    give_back(order, operation_id, food=250)
    release(**order)
    refund_failed(order_id=order["order_id"], operation_id=operation_id)
    assert standing(order) == {Code.RESTAURANT_PAYABLE: 1250, Code.RUNNER_PAYABLE: 399}


def test_a_refund_nobody_promised_is_not_sent():
    with pytest.raises(NoHold, match="No refund was promised"):
        refund_done(order_id=released()["order_id"], operation_id=new_id())


@settings(max_examples=25)
@given(
    st.tuples(st.integers(0, 1250), st.integers(0, 399), st.integers(0, 123)).filter(any),
    st.lists(st.sampled_from(["pay", "reverse", "refund", "done", "failed"]), max_size=8),
)
def test_whatever_happens_to_an_order_s_money_the_world_sums_to_zero(shares, acts):
    shares = dict(zip(SHARES, shares, strict=True))
    order = captured(stripe_fee=min(81, sum(shares.values())), **shares)
    release(**order)
    last = new_id()
    for act in acts:
        left = Hold.objects.get(order_id=order["order_id"])
        if act in ("pay", "reverse") and shares["food"]:
            pay(order, amount=shares["food"], by={"pay": pay_out, "reverse": reverse_payout}[act])
        elif act == "refund" and sum(left.captured.less(left.refunded)):
            last = new_id()
            give_back(order, last, **left.captured.less(left.refunded)._asdict())
        elif act in ("done", "failed") and Journal.objects.filter(operation_id=last).count() == 1:
            {"done": refund_done, "failed": refund_failed}[act](
                order_id=order["order_id"], operation_id=last
            )
    commit_checks()
    assert world() <= {0}
