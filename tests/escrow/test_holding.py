"""An order's money: held in full, in its shares, once; and let go without a trace in the sums."""

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from campusg.ids import new_id
from escrow.chart import Code
from escrow.errors import AlreadyHeld, EscrowCapReached, RestaurantFrozen
from escrow.models import Account, Entry, Hold, Journal
from escrow.services import balance_of_order, cancel, freeze, hold, unfreeze, unsettled
from events.models import OutboxEvent
from tests.escrow.books import PENDING, C, D, commit_checks, terms, told, transfer, world

pytestmark = pytest.mark.django_db


def test_a_hold_stands_in_the_books_in_its_shares(django_assert_max_num_queries):
    order = terms()
    with django_assert_max_num_queries(6):
        held = hold(**order)
    commit_checks()
    assert balance_of_order(order_id=order["order_id"]) == {
        (Code.CUSTOMER_HOLD, PENDING): 1772,
        (Code.ESCROW_FOOD, PENDING): 1250,
        (Code.ESCROW_DELIVERY, PENDING): 399,
        (Code.ESCROW_PLATFORM, PENDING): 123,
    }
    journal = Journal.objects.get(order_id=order["order_id"])
    assert journal.key == f"order:{order['order_id']}:hold"
    assert journal.operation_id == order["payment_operation_id"]
    row = Hold.objects.get(id=held["hold_id"])
    assert (row.status, row.total) == ("HELD", 1772)
    event = OutboxEvent.objects.get(aggregateid=order["order_id"])
    assert (event.type, event.payload["total"]) == ("escrow.held", 1772)


def test_holding_the_same_again_is_the_same_hold():
    order = terms()
    assert hold(**order) == hold(**order)
    assert Entry.objects.filter(journal__order_id=order["order_id"]).count() == 4
    assert told(order["order_id"]) == ["escrow.held"]


@pytest.mark.parametrize(
    "difference",
    [{"food_fee": 1251}, {"currency": "EUR"}, {"customer_id": new_id()}],
    ids=["amount", "currency", "customer"],
)
def test_an_order_has_one_hold(difference):
    order = terms()
    hold(**order)
    with pytest.raises(AlreadyHeld, match=r"17\.72 USD is HELD"):
        hold(**order | difference)


def test_a_share_of_nothing_needs_no_account():
    order = terms(delivery_fee=0, platform_fee=0)
    hold(**order)
    commit_checks()
    codes = Account.objects.filter(order_id=order["order_id"]).values_list("code", flat=True)
    assert set(codes) == {Code.CUSTOMER_HOLD, Code.ESCROW_FOOD}


def test_a_cancelled_hold_is_mirrored_to_zero(django_assert_max_num_queries):
    order = terms()
    hold(**order)
    with django_assert_max_num_queries(6):
        cancel(order_id=order["order_id"])
    commit_checks()
    assert set(balance_of_order(order_id=order["order_id"]).values()) == {0}
    original, mirror = Journal.objects.filter(order_id=order["order_id"]).order_by("id")
    assert mirror.reverses == original
    legs = {entry.account_id: (entry.side, entry.amount) for entry in original.entries.all()}
    swapped = {entry.account_id: (entry.side, entry.amount) for entry in mirror.entries.all()}
    assert {(id_, {D: C, C: D}[side], n) for id_, (side, n) in legs.items()} == {
        (id_, side, n) for id_, (side, n) in swapped.items()
    }
    row = Hold.objects.get(order_id=order["order_id"])
    assert row.status == "CANCELLED"
    assert row.cancelled_at is not None


def test_cancelling_twice_or_nothing_changes_nothing():
    order, never_held = terms(), new_id()
    hold(**order)
    for _ in range(2):
        cancel(order_id=order["order_id"])
    cancel(order_id=never_held)
    assert Journal.objects.filter(order_id=order["order_id"]).count() == 2
    assert told(order["order_id"]) == ["escrow.held", "escrow.cancelled"]
    assert told(never_held) == []


def test_a_hold_that_came_too_late_does_not_rise_again():
    order = terms()
    hold(**order)
    cancel(order_id=order["order_id"])
    with pytest.raises(AlreadyHeld, match="CANCELLED"):
        hold(**order)


def test_nothing_new_is_promised_to_a_frozen_restaurant_until_it_is_thawed():
    before, order = terms(), terms()
    order["restaurant_id"] = before["restaurant_id"]
    owner = before["restaurant_id"]
    held = hold(**before)
    freeze(owner=owner, currency="USD", reason="Charge-backs are being looked into.")
    freeze(owner=owner, currency="USD", reason="They are many.")
    assert hold(**before) == held
    hold(**order | {"order_id": new_id(), "currency": "EUR"})
    with pytest.raises(RestaurantFrozen), transaction.atomic():
        hold(**order)
    assert not Hold.objects.filter(order_id=order["order_id"]).exists()
    another = terms()["restaurant_id"]
    freeze(owner=another, currency="USD", reason="They moved away.")
    unfreeze(owner=owner, currency="USD")
    hold(**order)
    assert Account.objects.get(owner=another).frozen
    assert Account.objects.get(owner=owner).frozen_reason == ""


def test_the_campus_holds_up_to_its_cap_and_not_a_cent_more(
    settings, django_assert_max_num_queries
):
    first, second = terms(currency="GBP"), terms(currency="GBP")
    settings.ESCROW_OPEN_CAP_MINOR = 2 * 1772
    with django_assert_max_num_queries(8):
        hold(**first)
    with pytest.raises(EscrowCapReached, match=r"35\.44 GBP"), transaction.atomic():
        hold(**second | {"platform_fee": 124})
    hold(**second)
    hold(**terms(currency="SGD"))
    cancel(order_id=first["order_id"])
    hold(**terms(currency="GBP"))


def test_a_kept_promise_is_settled():
    stands, undone = terms(), terms()
    hold(**stands)
    hold(**undone)
    cancel(order_id=undone["order_id"])
    assert unsettled(order_id=stands["order_id"], total=1772, completed=True) == 0
    assert unsettled(order_id=stands["order_id"], total=1772, completed=False) == 1772
    assert unsettled(order_id=undone["order_id"], total=1772, completed=False) == 0


def test_an_order_that_never_reached_the_books_owes_what_it_promised():
    nothing = {"order_id": new_id(), "total": 1772}
    assert unsettled(**nothing, completed=False) == 0
    assert unsettled(**nothing, completed=True) == 1772


def test_a_difference_is_told_in_cents():
    order = terms()
    hold(**order)
    transfer(order["order_id"], Code.ESCROW_FOOD, Code.CUSTOMER_HOLD, 50)
    assert unsettled(order_id=order["order_id"], total=1772, completed=True) == 50


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 10**9), st.integers(0, 10**6), st.integers(0, 10**6), st.booleans()
        ),
        max_size=5,
    )
)
def test_whatever_is_held_and_let_go_the_world_sums_to_zero(orders):
    for food, delivery, platform, let_go in orders:
        order = terms(food_fee=food, delivery_fee=delivery, platform_fee=platform)
        hold(**order)
        if let_go:
            cancel(order_id=order["order_id"])
        total = food + delivery + platform
        assert unsettled(order_id=order["order_id"], total=total, completed=not let_go) == 0
    commit_checks()
    assert world() <= {0}
