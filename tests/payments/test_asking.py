"""What is asked of Stripe, to the letter; and what is written down before it is asked."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from payments import claims, operations, payouts, refunds, services
from payments.models import Kind, Leg, OperationState
from payments.operations import SCHEDULE, Call
from tests.payments.money import (
    LOST,
    MADE,
    TOTAL,
    a_call,
    an_authorization,
    held,
    operation,
    order_of,
    payment,
    refused_capture,
    taken,
)

pytestmark = pytest.mark.django_db

CARD = {
    "currency": "usd",
    "customer": "cus_1",
    "payment_method": "pm_1",
    "allowed_payment_method_types": ["card"],
    "confirm": True,
}


def asked(call: Call, order_id: UUID, kind: str) -> dict[str, Any]:
    """The parameters without the metadata, which name the order and the operation."""
    assert call.key == f"campusg:test:{order_id}:{kind}:1"
    assert call.kind == kind
    params = dict(call.params)
    metadata = params.pop("metadata", None)
    if kind not in (Kind.VOID, Kind.CAPTURE):
        names = {"order_id": str(order_id), "env": "test", "operation_id": str(call.operation_id)}
        assert metadata == names
    return params


def written(call: Call) -> tuple[Any, ...]:
    row = operation(call)
    assert row.params == call.params
    assert (row.payment_id, row.sent_at) == (call.payment_id, call.sent_at)
    assert not call.read_only
    assert row.next_try_at == row.sent_at + operations.IN_FLIGHT
    return (row.kind, row.n, row.amount, row.currency, row.state, row.tries)


def test_a_hold_is_asked_for_in_full_and_by_hand() -> None:
    call = an_authorization()
    assert asked(call, order_of(call), "authorize") == CARD | {
        "amount": TOTAL,
        "capture_method": "manual",
        "transfer_group": str(order_of(call)),
        "expand": ["latest_charge"],
    }
    assert written(call) == ("authorize", 1, TOTAL, "USD", "sent", 1)


def test_a_hold_is_given_back_by_its_intent() -> None:
    order_id = held()
    call = a_call(services.prepare_release(order_id=order_id))
    wanted = {"payment_intent": "pi_1", "cancellation_reason": "abandoned"}
    assert asked(call, order_id, "void") == wanted
    assert written(call) == ("void", 1, TOTAL, "USD", "sent", 1)


def test_a_part_is_captured_of_its_intent() -> None:
    order_id = held()
    call = a_call(services.prepare_capture(order_id=order_id, amount=900))
    assert asked(call, order_id, "capture") == {"payment_intent": "pi_1", "amount": 900}
    assert written(call) == ("capture", 1, 900, "USD", "sent", 1)


def test_what_is_owed_is_charged_with_its_owner_away() -> None:
    order_id = refused_capture()
    call = a_call(
        claims.prepare_charge(
            order_id=order_id, amount=TOTAL, stripe_customer="cus_1", payment_method="pm_1"
        )
    )
    assert asked(call, order_id, "charge") == CARD | {
        "amount": TOTAL,
        "off_session": True,
        "transfer_group": str(order_id),
        "expand": ["latest_charge.balance_transaction"],
    }
    assert written(call) == ("charge", 1, TOTAL, "USD", "sent", 1)


def test_a_refund_names_the_intent_and_the_amount() -> None:
    order_id = taken()
    call = a_call(refunds.prepare_refund(order_id=order_id, amount=500))
    assert asked(call, order_id, "refund") == {"payment_intent": "pi_1", "amount": 500}
    assert written(call) == ("refund", 1, 500, "USD", "sent", 1)


@pytest.mark.parametrize("leg", Leg)
def test_a_leg_is_paid_out_of_its_charge_and_taken_back_by_its_transfer(leg: Leg) -> None:
    order_id = taken()
    call = a_call(
        payouts.prepare_transfer(order_id=order_id, leg=leg, destination="acct_1", amount=399)
    )
    assert asked(call, order_id, f"transfer_{leg}") == {
        "amount": 399,
        "currency": "usd",
        "destination": "acct_1",
        "transfer_group": str(order_id),
        "source_transaction": "ch_1",
    }
    assert written(call) == (f"transfer_{leg}", 1, 399, "USD", "sent", 1)
    payouts.record_transfer(call, MADE)
    back = a_call(payouts.prepare_reversal(order_id=order_id, leg=leg))
    assert asked(back, order_id, f"reverse_{leg}") == {"transfer": "xx_1", "amount": 399}
    assert written(back) == (f"reverse_{leg}", 1, 399, "USD", "sent", 1)


def test_of_what_the_platform_bears_a_leg_is_paid_out_of_its_own_balance() -> None:
    order_id = refused_capture()
    claims.write_off(order_id=order_id)
    call = a_call(
        payouts.prepare_transfer(
            order_id=order_id, leg=Leg.RUNNER, destination="acct_1", amount=399
        )
    )
    assert "source_transaction" not in call.params


def test_nothing_is_sent_where_nothing_is_due() -> None:
    nothing = payouts.prepare_transfer(
        order_id=taken(), leg=Leg.RUNNER, destination="acct_1", amount=0
    )
    assert nothing == {"transfer_operation_id": None, "sent": 0}


def test_a_call_made_again_is_counted_and_left_alone_while_it_is_under_way() -> None:
    call = an_authorization()
    again = an_authorization(order_of(call))
    row = operation(again)
    assert row.tries == 2
    assert row.next_try_at is not None
    left = row.next_try_at - row.db_now  # type: ignore[attr-defined]
    assert timedelta(seconds=30) < left <= operations.IN_FLIGHT


def test_an_unknown_outcome_is_looked_into_at_its_times_for_a_day_and_then_a_person_is_called(
    settings: Any,
) -> None:
    settings.STRIPE_RETRY_SCALE = 1.0
    hours = 3600
    assert [10, 60, 300, 900, 1 * hours, 3 * hours, 6 * hours, 12 * hours, 23 * hours] == [
        *SCHEDULE
    ]
    call = an_authorization()
    row = operation(call)
    looks = []
    for passed in (0, *SCHEDULE):
        # Asked at that time to the second, the next look is the next time, and not this one.
        row.db_now = row.sent_at + timedelta(seconds=passed)  # type: ignore[attr-defined]
        row.state = OperationState.UNKNOWN
        operations.save_reply(row, LOST)
        assert row.next_try_at is not None
        looks.append((row.next_try_at - row.sent_at).total_seconds())
    assert looks == [*SCHEDULE, 48 * hours]
    row.db_now = row.sent_at + timedelta(hours=47, minutes=59, seconds=30)  # type: ignore[attr-defined]
    operations.save_reply(row, LOST)
    assert row.next_try_at == row.db_now + timedelta(minutes=1)  # type: ignore[attr-defined]
    row.db_now = row.sent_at + timedelta(hours=48, seconds=1)  # type: ignore[attr-defined]
    operations.save_reply(row, LOST)
    assert (row.state, row.next_try_at) == (OperationState.NEEDS_OPERATOR, None)


@pytest.mark.parametrize(("age", "read_only"), [(23, False), (24, True)])
def test_a_key_is_good_for_less_than_a_day(age: int, read_only: bool) -> None:
    row = operation(an_authorization())
    row.db_now = row.sent_at + timedelta(hours=age)  # type: ignore[attr-defined]
    assert operations.repeat(row).read_only == read_only


def test_a_look_is_none_of_the_tries() -> None:
    call = an_authorization()
    look = operations.look_at(operation(call))
    assert look.read_only
    assert (look.key, look.params, look.kind) == (call.key, call.params, call.kind)
    assert operation(call).tries == 1
    assert payment(order_of(call)).status == "AUTHORIZING"
