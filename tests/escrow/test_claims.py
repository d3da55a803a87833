"""What a customer owes after their card refused: settled whole, by the card or by the platform."""

import pytest
from django.db import transaction

from campusg.ids import new_id
from escrow.chart import Code
from escrow.errors import NoHold
from escrow.models import Account, Entry, Hold, Journal
from escrow.services import (
    balance_of_order,
    claim,
    claimed,
    settle_claim,
    settled_after_completion,
    subsidised,
)
from events.models import OutboxEvent
from tests.escrow.books import commit_checks, told
from tests.escrow.lives import campus, held, released, standing

pytestmark = pytest.mark.django_db

DUE = {"restaurant_due": 1250, "runner_due": 399, "platform_kept": 123}
OWED = {Code.RESTAURANT_PAYABLE: 1250, Code.RUNNER_PAYABLE: 399}


@pytest.fixture
def owing():
    """An order whose customer owes all of it."""
    order = held()
    assert claim(**order) == DUE
    return order


def owners(order):
    accounts = Account.objects.filter(order_id=order["order_id"]).exclude(owner=None)
    return dict(accounts.values_list("code", "owner"))


def settle(order, collected, fee=0, operation_id=None):
    return settle_claim(
        order_id=order["order_id"],
        collected=collected,
        stripe_fee=fee,
        operation_id=operation_id,
    )


def test_a_claim_owes_each_what_they_did_and_holds_nothing_any_more(owing):
    assert owners(owing) == {
        Code.RESTAURANT_PAYABLE: owing["restaurant_id"],
        Code.RUNNER_PAYABLE: owing["runner_id"],
    }
    assert claimed(order_id=owing["order_id"]) == 1772
    assert subsidised(order_id=owing["order_id"]) == 0
    assert campus(owing) == {Code.PLATFORM_REVENUE: 123}
    hold = Hold.objects.get(order_id=owing["order_id"])
    assert (hold.status, hold.runner_id) == ("CLAIMED", owing["runner_id"])
    assert hold.claimed_at is not None


def test_what_the_card_pays_late_is_captured_and_passed_on_like_any_other(owing):
    operation_id = new_id()
    for _ in range(2):
        assert settle(owing, 1772, fee=81, operation_id=operation_id) == DUE
    commit_checks()
    assert standing(owing) == OWED
    assert campus(owing) == {
        Code.PLATFORM_REVENUE: 123, Code.STRIPE_CLEARING: 1772 - 81, Code.STRIPE_FEES: 81,
    }  # fmt: skip
    hold = Hold.objects.get(order_id=owing["order_id"])
    assert (hold.status, hold.captured, hold.claimed_at) == ("RELEASED", hold.fees, None)
    assert hold.captured_at
    assert hold.captured_at == hold.released_at
    assert claimed(order_id=owing["order_id"]) == subsidised(order_id=owing["order_id"]) == 0
    assert settled_after_completion(order_id=owing["order_id"], captured=1772) == 0
    assert Journal.objects.get(kind="settle_claim").operation_id == operation_id
    assert last_told(owing) == {"amount": 1772, "paid_by": "card", "currency": "USD"}


def test_what_the_platform_bears_is_a_subsidy_and_no_money_moves(owing):
    for _ in range(2):
        assert settle(owing, 0) == DUE
    commit_checks()
    assert standing(owing) == OWED
    assert campus(owing) == {Code.PLATFORM_REVENUE: 123, Code.SUBSIDY: 1772}
    assert subsidised(order_id=owing["order_id"]) == 1772
    hold = Hold.objects.get(order_id=owing["order_id"])
    assert (hold.status, hold.captured_at) == ("WRITTEN_OFF", None)
    assert last_told(owing) == {"amount": 1772, "paid_by": "platform", "currency": "USD"}
    assert told(owing["order_id"]).count("escrow.claim_settled") == 1


def last_told(order):
    data = OutboxEvent.objects.filter(aggregateid=order["order_id"]).latest("aggversion").payload
    assert data.pop("customer_id") == str(Hold.objects.get(order_id=order["order_id"]).customer_id)
    return {name: data[name] for name in ("amount", "paid_by", "currency")}


@pytest.mark.parametrize("part", [1, 1771, 1773])
def test_a_claim_is_not_settled_in_part(owing, part):
    with pytest.raises(ValueError, match=f"{part} is a part of 1772"):
        settle(owing, part)


def test_only_what_is_claimed_is_settled():
    for order in (held(), released()):
        with pytest.raises(NoHold, match="not CLAIMED"), transaction.atomic():
            settle(order, 1772)


def test_a_claim_of_one_order_is_none_of_another_s(owing):
    other = held()
    claim(**other)
    settle(other, 0)
    assert claimed(order_id=owing["order_id"]) == 1772
    assert subsidised(order_id=owing["order_id"]) == 0
    assert not Entry.objects.filter(
        journal__order_id=other["order_id"], account__order_id=owing["order_id"]
    ).exists()
    assert balance_of_order(order_id=new_id()) == {}
