"""The table of cancelling: every cell, and who is paid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.cancelling import TABLE, WHO
from orders.errors import MayNotCancel
from orders.services import begin_cancelling, due_when_cancelled
from orders.states import OrderStatus
from tests.orders.lives import an_order_at, refused

S = OrderStatus
FEES = {"food_fee": 1250, "delivery_fee": 399, "platform_fee": 123}
SHARES = ("food", "delivery", "platform")
FREE, HALF_WAY = (0, 0, 0), (1250, 200, 123)
NO = None

#: Who pays what, as a person reads it: one row a status, one column each of WHO.
EXPECTED = {
    #              customer  runner  ops   timeout expiry
    S.CREATED:    (FREE,     NO,     FREE, FREE,   FREE),
    S.ACCEPTED:   (FREE,     NO,     FREE, NO,     FREE),
    S.PLACED:     (HALF_WAY, FREE,   FREE, NO,     FREE),
    S.ON_THE_WAY: (NO,       NO,     FREE, NO,     FREE),
    S.DELIVERED:  (NO,       NO,     FREE, NO,     NO),
}  # fmt: skip
CELLS = [
    (status, by, EXPECTED.get(status, (NO,) * len(WHO))[column])
    for status in OrderStatus
    for column, by in enumerate(WHO)
]


@pytest.mark.parametrize(("status", "by", "due"), CELLS)
def test_each_cell_says_who_is_paid_or_that_it_may_not_be(status, by, due):
    if due is NO:
        with pytest.raises(MayNotCancel, match=f"is {status}; {by} may not"):
            due_when_cancelled(status, by, FEES)
    else:
        assert tuple(due_when_cancelled(status, by, FEES).values()) == due


def test_half_is_half_to_the_last_unit():
    fees = dict.fromkeys(FEES, 1_000_000)
    due = due_when_cancelled(S.PLACED, "customer", fees)
    assert tuple(due.values()) == (1_000_000, 500_000, 1_000_000)


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "by", "due"), [c for c in CELLS if c[0] in EXPECTED])
def test_an_order_is_cancelled_as_the_table_says(status, by, due):
    order = an_order_at(status)
    if due is NO:
        with refused(MayNotCancel):
            begin_cancelling(order_id=order.id, by=by, reason="a cell")
    else:
        facts = begin_cancelling(order_id=order.id, by=by, reason="a cell")
        assert facts["status_before"] == status


@given(
    st.sampled_from(sorted(TABLE)),
    st.fixed_dictionaries(dict.fromkeys(FEES, st.integers(0, 10**12))),
)
def test_nobody_is_due_more_than_their_fee(cell, fees):
    due = due_when_cancelled(*cell, fees)
    assert all(0 <= due[f"{share}_due"] <= fees[f"{share}_fee"] for share in SHARES)
