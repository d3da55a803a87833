"""What payees owe us after a refund is kept back from what they earn next."""

from collections.abc import Callable

import pytest

from campusg.ids import new_id
from escrow.chart import Code
from escrow.models import Entry
from sagas.models import RunStatus
from sagas.refund_order import refund_order
from tests.makers import at_stripe, change_account
from tests.sagas.lunch import DELIVERY, FOOD, TOTAL, Lunch
from users.models import User

pytestmark = pytest.mark.story
Ordered = Callable[..., Lunch]
HALF = 200  # of the delivery fee, rounded up


def eaten(order: Lunch, runner: User | None = None) -> Lunch:
    """Brought by this runner, and completed."""
    order.runner = runner or order.runner
    order.bring().complete()
    return order.settles()


def refunded(order: Lunch) -> Lunch:
    run = order.begin(refund_order, by_user_id=new_id(), reason="there was a fly in it")
    assert order.ends(run).status == RunStatus.COMPLETED
    return order


def debt(runner: User) -> int:
    """What the runner owes us, of all their orders."""
    legs = Entry.objects.filter(account__code=Code.PAYEE_RECEIVABLE, account__owner=runner.id)
    return sum(leg.amount if leg.side == "D" else -leg.amount for leg in legs)


def test_a_debt_is_kept_back_from_later_payouts_a_part_of_each(lunch: Ordered) -> None:
    first = eaten(lunch())
    runner = first.runner
    change_account(runner, pay_out=True)
    refunded(first)
    assert debt(runner) == DELIVERY

    second = eaten(lunch(), runner)
    assert second.paid() == {"restaurant": FOOD, "runner": DELIVERY - HALF}
    assert second.owed() == {"restaurant": 0, "runner": 0}
    assert debt(runner) == DELIVERY - HALF
    assert second.events().count("payout.set_off") == 1

    third = eaten(lunch(), runner)
    assert third.paid()["runner"] == HALF
    assert debt(runner) == 0


def test_an_order_of_which_a_part_was_kept_back_can_be_refunded_too(lunch: Ordered) -> None:
    first = eaten(lunch())
    change_account(first.runner, pay_out=True)
    refunded(first)
    second = refunded(eaten(lunch(), first.runner))
    assert at_stripe(second.id)["refunded"] == TOTAL
    assert second.paid() == {"restaurant": 0, "runner": 0}
    assert debt(first.runner) == DELIVERY


def test_a_payout_that_has_to_be_tried_again_is_cut_once(lunch: Ordered) -> None:
    first = eaten(lunch())
    change_account(first.runner, pay_out=True)
    refunded(first)
    second = lunch()
    second.fault("drop_request", path="/v1/transfers", times=2)
    assert eaten(second, first.runner).paid()["runner"] == DELIVERY - HALF
    assert debt(first.runner) == DELIVERY - HALF
