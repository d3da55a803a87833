"""Money is whole minor units, and shares add up to the cent."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campusg.money import formatted, share
from orders.pricing import price

amounts = st.integers(0, 10**12)
lines = st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 20)), min_size=1, max_size=50)


@given(lines)
def test_what_the_customer_pays_is_what_the_others_get(ordered):
    costs = price(ordered)
    assert costs["total"] == costs["food_fee"] + costs["delivery_fee"] + costs["platform_fee"]
    assert costs["food_fee"] == sum(unit_price * quantity for unit_price, quantity in ordered)
    assert all(type(cost) is int for cost in costs.values())


@given(amounts, st.integers(0, 10_000))
def test_a_share_is_never_less_than_asked_nor_a_whole_cent_more(amount, basis_points):
    exact = Fraction(amount * basis_points, 10_000)
    assert exact <= share(amount, basis_points) < exact + 1


@given(st.integers(-(10**12), 10**12))
def test_an_amount_is_written_as_it_is(amount):
    figure, currency = formatted(amount, "USD").split()
    assert (Decimal(figure) * 100, currency) == (amount, "USD")


def test_an_order_by_hand(settings):
    settings.DELIVERY_FEE_MINOR = 399
    settings.PLATFORM_FEE_FIXED_MINOR = 40
    settings.PLATFORM_FEE_BASIS_POINTS = 500
    # 5 % of 16.49 is 0.8245, rounded up to 0.83, and 0.40 on top.
    assert price([(1250, 1)]) == {
        "food_fee": 1250,
        "delivery_fee": 399,
        "platform_fee": 123,
        "total": 1772,
    }


@pytest.mark.parametrize(("amount", "written"), [(5, "0.05 EUR"), (-1999, "-19.99 EUR")])
def test_cents_keep_their_noughts_and_debts_their_sign(amount, written):
    assert formatted(amount, "EUR") == written
