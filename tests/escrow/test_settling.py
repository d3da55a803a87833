"""Captured money goes to the cent to those it was held for."""

from functools import partial

import pytest
from django.db import IntegrityError, transaction

from campusg.ids import new_id
from escrow.chart import Code, Layer
from escrow.errors import NoHold
from escrow.models import Hold, Journal
from escrow.services import (
    balance_of_order,
    cancel,
    capture,
    claim,
    release,
    settled_after_completion,
    unsettled,
)
from tests.escrow.books import commit_checks, terms, told
from tests.escrow.lives import campus, captured, held, released, standing, take

pytestmark = pytest.mark.django_db


def test_a_capture_ends_the_hold_and_stands_in_escrow_less_what_stripe_keeps():
    order, operation_id = held(), new_id()
    for _ in range(2):
        take(order, operation_id=operation_id)
    commit_checks()
    assert standing(order) == {
        Code.ESCROW_FOOD: 1250, Code.ESCROW_DELIVERY: 399, Code.ESCROW_PLATFORM: 123,
    }  # fmt: skip
    pending = balance_of_order(order_id=order["order_id"])
    assert {pending[code, layer] for code, layer in pending if layer is Layer.PENDING} == {0}
    assert campus(order) == {Code.STRIPE_CLEARING: 1772 - 81, Code.STRIPE_FEES: 81}
    journal = Journal.objects.get(key=f"order:{order['order_id']}:capture")
    assert journal.operation_id == operation_id
    assert told(order["order_id"]) == ["escrow.held", "escrow.captured"]
    assert Hold.objects.get(order_id=order["order_id"]).status == "CAPTURED"


def test_part_of_a_hold_is_captured_and_the_rest_never_leaves_the_card():
    order = captured(delivery=200, platform=0)
    assert standing(order) == {Code.ESCROW_FOOD: 1250, Code.ESCROW_DELIVERY: 200}
    assert release(**order) == {"restaurant_due": 1250, "runner_due": 200, "platform_kept": 0}
    assert settled_after_completion(order_id=order["order_id"], captured=1450) == 0


def test_what_is_not_held_cannot_be_captured():
    order, never = held(), terms()
    cancel(order_id=order["order_id"])
    with pytest.raises(NoHold, match=r"17\.72 USD is CANCELLED"), transaction.atomic():
        take(order)
    with pytest.raises(NoHold, match="Nothing was ever held"), transaction.atomic():
        take(never)
    again = captured()
    with pytest.raises(NoHold, match="is CAPTURED"):
        take(again, food=1)


@pytest.mark.parametrize("wrong", [{"food": 1251}, {"delivery": 400}, {"platform": 124}])
def test_no_share_is_captured_beyond_its_fee(wrong):
    with pytest.raises(IntegrityError, match="bounded"):
        captured(**wrong)


def test_shares_that_do_not_add_up_are_a_mistake():
    order = held()
    mistake = partial(capture, order_id=order["order_id"], stripe_fee=1, operation_id=new_id())
    for amount, food in ((1251, 1250), (0, 0)):
        with pytest.raises(ValueError, match="do not make"):
            mistake(amount=amount, food=food, delivery=0, platform=0)


def test_released_money_is_owed_to_the_cent():
    order = captured()
    facts = release(**order)
    assert release(**order) == facts
    commit_checks()
    assert facts == {"restaurant_due": 1250, "runner_due": 399, "platform_kept": 123}
    assert standing(order) == {Code.RESTAURANT_PAYABLE: 1250, Code.RUNNER_PAYABLE: 399}
    assert campus(order)[Code.PLATFORM_REVENUE] == 123
    assert settled_after_completion(order_id=order["order_id"], captured=1772) == 0
    assert settled_after_completion(order_id=order["order_id"], captured=1700) == 72
    assert told(order["order_id"])[-1] == "escrow.released"


def test_what_was_never_captured_is_not_released():
    with pytest.raises(NoHold, match="is HELD, not CAPTURED"):
        release(**held())


def test_a_delivery_is_not_paid_to_nobody():
    order = captured() | {"runner_id": None}
    with pytest.raises(ValueError, match="nobody who delivered"), transaction.atomic():
        release(**order)
    release(**captured(delivery=0) | {"runner_id": None})


def test_money_that_waits_in_escrow_is_a_promise_not_kept():
    order = captured()
    assert settled_after_completion(order_id=order["order_id"], captured=1772) == 1772
    assert settled_after_completion(order_id=held()["order_id"], captured=0) == 2 * 1772


def test_a_refused_card_leaves_a_claim_and_everybody_paid():
    order = held()
    for _ in range(2):
        assert claim(**order)["restaurant_due"] == 1250
    commit_checks()
    assert standing(order) == {
        Code.RESTAURANT_PAYABLE: 1250, Code.RUNNER_PAYABLE: 399, Code.CUSTOMER_CLAIM: 1772,
    }  # fmt: skip
    assert settled_after_completion(order_id=order["order_id"], captured=0) == 1772
    assert told(order["order_id"]) == ["escrow.held", "escrow.claimed"]
    with pytest.raises(NoHold, match="is CLAIMED"):
        take(order)


def test_what_create_order_promised_stays_kept_when_the_next_saga_goes_on_with_it():
    for order in (captured(), released()):
        assert unsettled(order_id=order["order_id"], total=1772, completed=True) == 0
        assert unsettled(order_id=order["order_id"], total=1771, completed=True) == 1
