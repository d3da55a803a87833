"""Disputed money stands where it is owed until it is decided; a refund that came back is owed."""

from typing import Any

import pytest
from django.db import transaction

from campusg.ids import new_id
from escrow.chart import Code
from escrow.errors import NoHold
from escrow.models import Journal
from escrow.services import (
    dispute,
    is_promised,
    owed_to_customer,
    refund_came_back,
    refund_done,
    repaid,
    unpaid,
    withhold,
)
from tests.escrow.books import commit_checks, told
from tests.escrow.lives import campus, give_back, pay, released, standing

pytestmark = pytest.mark.django_db

TOTAL, FEE = 1772, 1500
BEFORE = {Code.STRIPE_CLEARING: TOTAL - 81, Code.STRIPE_FEES: 81, Code.PLATFORM_REVENUE: 123}


def disputed(order: dict[str, Any], dispute_id: Any, **said: Any) -> None:
    """Booked, twice, as Stripe tells of it now."""
    seen = {"withdrawn": TOTAL, "fee": FEE, "reinstated": 0, "lost": False} | said
    for _ in range(2):
        dispute(order_id=order["order_id"], dispute_id=dispute_id, **seen)
    commit_checks()
    booked = Journal.objects.filter(operation_id=dispute_id)
    assert booked.exists() == bool(seen["withdrawn"])


def changes(order: dict[str, Any]) -> dict[str, int]:
    """What is not as it was before the dispute."""
    now = campus(order)
    return {code: n - BEFORE.get(Code(code), 0) for code, n in now.items() if n != BEFORE.get(code)}


def test_what_a_bank_took_is_receivable_then_ours_again_or_lost():
    won, lost, one, other = released(), released(), new_id(), new_id()
    for order, name in ((won, one), (lost, other)):
        disputed(order, name)
        assert standing(order)[Code.DISPUTE_RECEIVABLE] == TOTAL
        assert changes(order) == {Code.STRIPE_CLEARING: -TOTAL - FEE, Code.STRIPE_FEES: FEE}
    disputed(won, one, reinstated=TOTAL)
    disputed(lost, other, lost=True)
    assert Code.DISPUTE_RECEIVABLE not in standing(won) | standing(lost)
    assert changes(won) == {Code.STRIPE_CLEARING: -FEE, Code.STRIPE_FEES: FEE}
    assert changes(lost) == {
        Code.STRIPE_CLEARING: -TOTAL - FEE, Code.STRIPE_FEES: FEE, Code.DISPUTE_LOSSES: TOTAL,
    }  # fmt: skip


def test_a_fee_that_comes_back_with_the_money_is_no_cost():
    order, name = released(), new_id()
    disputed(order, name)
    disputed(order, name, reinstated=TOTAL, fee=0)
    assert changes(order) == {}


def test_an_inquiry_books_nothing_until_money_moves():
    order, name = released(), new_id()
    disputed(order, name, withdrawn=0, fee=0)
    assert changes(order) == {}
    disputed(order, name)
    assert standing(order)[Code.DISPUTE_RECEIVABLE] == TOTAL


def test_what_is_won_on_appeal_makes_up_for_the_loss():
    order, name = released(), new_id()
    disputed(order, name, lost=True)
    disputed(order, name)
    disputed(order, name, reinstated=TOTAL)
    assert Code.DISPUTE_RECEIVABLE not in standing(order)
    assert changes(order) == {
        Code.STRIPE_CLEARING: -FEE, Code.STRIPE_FEES: FEE, Code.DISPUTE_LOSSES: 0,
    }  # fmt: skip


def test_who_is_not_paid_makes_up_for_a_part_of_the_loss_and_is_told():
    order, name = released(), new_id()
    pay(order)
    disputed(order, name, lost=True)
    assert unpaid(order_id=order["order_id"]) == 399
    for _ in range(2):
        withhold(order_id=order["order_id"], dispute_id=name)
    commit_checks()
    assert unpaid(order_id=order["order_id"]) == 0
    assert campus(order)[Code.DISPUTE_LOSSES] == TOTAL - 399
    assert told(order["order_id"]).count("payout.withheld") == 1


@pytest.mark.parametrize("sent", [True, False])
def test_a_refund_that_came_back_is_owed_until_it_is_paid_otherwise(sent):
    order, call = released(), new_id()
    ids = {"order_id": order["order_id"], "operation_id": call}
    with pytest.raises(NoHold, match="No refund was promised"), transaction.atomic():
        refund_came_back(**ids)
    assert not is_promised(**ids)
    give_back(order, call, food=1250, delivery=399, platform=123)
    assert is_promised(**ids)
    if sent:
        refund_done(**ids)
    for _ in range(2):
        assert refund_came_back(**ids) == TOTAL
    commit_checks()
    assert owed_to_customer(order_id=order["order_id"]) == TOTAL
    assert standing(order) == {Code.CUSTOMER_PAYABLE: TOTAL}
    assert campus(order)[Code.STRIPE_CLEARING] == TOTAL - 81
    for _ in range(2):
        repaid(**ids, amount=TOTAL)
    commit_checks()
    assert standing(order) == {}
    assert campus(order)[Code.PAID_OUTSIDE] == TOTAL
