"""Money moved by hand, by operators and services: the steps of the sagas, each alone.

For an order whose own saga is parked, or whose steps another system takes one by one. Each is a
saga, so that it has a timeline, a reason and the same keys: what is done by hand is not done again
by the saga that goes on later. Where the order has to stand for each is one table
(orders/by_hand.py), and while another run is at work on the order none begins.
"""

from typing import TypedDict
from uuid import UUID

from sagas.engine import Saga, step
from sagas.participants import escrow, orders, payments, users


class MoneyByHand(TypedDict):
    """Which order's money, what is done with it, by whom and why. The amounts are the order's."""

    order_id: UUID
    move: str
    by_user_id: UUID
    reason: str


authorize_payment = Saga(
    "authorize_payment",
    step(orders.money_by_hand),
    step(users.get_customer),
    step(payments.authorize, compensate=payments.release, emits="payment.authorized"),
    given=MoneyByHand,
    stake="total",
)

hold_escrow = Saga(
    "hold_escrow",
    step(orders.money_by_hand),
    step(payments.authorization_of),
    step(escrow.hold, emits="escrow.held"),
    given=MoneyByHand,
)

capture_payment = Saga(
    "capture_payment",
    step(orders.money_by_hand),
    step(payments.capture, pivot=True, emits="payment.captured"),
    step(escrow.capture, emits="escrow.captured"),
    given=MoneyByHand,
    stake="total",
)

release_escrow = Saga(
    "release_escrow",
    step(orders.money_by_hand),
    step(escrow.pass_on, emits="escrow.released"),
    given=MoneyByHand,
)

release_payment = Saga(
    "release_payment",
    step(orders.money_by_hand),
    step(payments.release, pivot=True),
    given=MoneyByHand,
    stake="total",
)

cancel_escrow = Saga(
    "cancel_escrow",
    step(orders.money_by_hand),
    step(escrow.cancel),
    given=MoneyByHand,
)

BY_HAND = (
    authorize_payment,
    hold_escrow,
    capture_payment,
    release_escrow,
    release_payment,
    cancel_escrow,
)
