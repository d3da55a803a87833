"""Money that goes on or comes back: claims, payouts and refunds, whatever Stripe answers."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models.functions import Now

from payments import claims, operations, payouts, refunds, services
from payments.errors import (
    OperatorNeeded,
    PaymentBusy,
    PaymentDeclined,
)
from payments.gateway import Outcome, Reply
from payments.models import HeldPayout, Leg, Payment, PaymentStatus
from payments.money_back import Refund
from sagas.engine import Unknown, Waiting
from tests.payments.money import (
    LOST,
    MADE,
    STRANGE,
    TAKEN,
    TOTAL,
    a_call,
    dated,
    failed,
    held,
    last_told,
    payment,
    refused_capture,
    taken,
    told,
)

pytestmark = pytest.mark.django_db


# What is owed.


def charge(order_id: UUID) -> Any:
    return claims.prepare_charge(
        order_id=order_id, amount=TOTAL, stripe_customer="cus_1", payment_method="pm_1"
    )


PAID_LATE = Reply(Outcome.SUCCEEDED, object_id="pi_2", charge="ch_2", stripe_fee=90)


def test_what_was_owed_is_paid_by_an_intent_of_its_own_and_once() -> None:
    order_id = refused_capture()
    call = a_call(charge(order_id))
    assert payment(order_id).status == "CAPTURING"
    known = claims.record_charge(call, PAID_LATE)
    assert known == {
        "collected": TOTAL, "collection_fee": 90, "collection_id": call.operation_id,
    }  # fmt: skip
    assert charge(order_id) == known
    one = payment(order_id)
    assert (one.status, one.payment_intent, one.charge) == ("CAPTURED", "pi_2", "ch_2")
    with pytest.raises(PaymentBusy):
        claims.write_off(order_id=order_id)


def test_a_card_that_refuses_again_still_owes_and_is_asked_under_another_key() -> None:
    order_id = refused_capture()
    no = claims.record_charge(a_call(charge(order_id)), failed("generic_decline"))
    assert isinstance(no, PaymentDeclined)
    assert payment(order_id).status == "LAPSED"
    assert last_told(order_id) == ("payment.capture_failed", TOTAL)
    assert a_call(charge(order_id)).key.endswith(":charge:2")


def test_a_hold_that_was_given_back_stays_so_when_a_later_charge_is_refused() -> None:
    order_id = refused_capture()
    Payment.objects.filter(order_id=order_id).update(released_at=Now())
    claims.record_charge(a_call(charge(order_id)), failed("generic_decline"))
    assert payment(order_id).status == "RELEASED"


@pytest.mark.parametrize(("reply", "said"), [(LOST, Unknown), (STRANGE, OperatorNeeded)])
def test_a_charge_without_an_answer_is_not_made_twice(reply: Reply, said: type) -> None:
    order_id = refused_capture()
    call = a_call(charge(order_id))
    assert isinstance(claims.record_charge(call, reply), said)
    if reply is LOST:
        assert a_call(charge(order_id)).key == call.key
    else:
        assert isinstance(charge(order_id), OperatorNeeded)


def test_what_the_platform_bears_is_asked_of_nobody() -> None:
    order_id = refused_capture()
    for _ in range(2):
        nothing = claims.write_off(order_id=order_id)
        assert nothing == {"collected": 0, "collection_fee": 0, "collection_id": None}
    assert payment(order_id).status == "WRITTEN_OFF"
    with pytest.raises(PaymentBusy):
        charge(order_id)


def test_a_card_that_holds_or_has_paid_owes_nothing() -> None:
    for order_id in (held(), taken(intent="pi_2")):
        with pytest.raises(PaymentBusy):
            claims.write_off(order_id=order_id)
        with pytest.raises(PaymentBusy):
            charge(order_id)


# Paying on, and giving back.


def test_a_refund_of_a_part_leaves_the_rest_and_of_all_ends_what_waited() -> None:
    order_id = taken()
    payouts.wait_for_account(order_id=order_id, leg=Leg.RUNNER, amount=399, why="no account")
    call = a_call(refunds.prepare_refund(order_id=order_id, amount=500))
    known = refunds.record_refund(call, MADE)
    assert known == {
        "refunded": 500, "refund_operation_id": call.operation_id, "refund_failed": False,
    }  # fmt: skip
    one = payment(order_id)
    assert (one.status, one.refunded_amount) == ("PARTLY_REFUNDED", 500)
    assert dated(one) == {"authorized_at", "captured_at", "refunded_at"}
    assert services.paid_by_card(order_id=order_id) == TOTAL - 500
    assert last_told(order_id) == ("payment.refunded", 500)
    Refund.objects.filter(order_id=order_id).update(status="failed", failed_at=Now())
    assert services.paid_by_card(order_id=order_id) == TOTAL - 500, "it is counted as gone once"
    assert HeldPayout.objects.get(payment=one).ended_at is None
    whole = taken(intent="pi_2")
    payouts.wait_for_account(order_id=whole, leg=Leg.RUNNER, amount=399, why="no account")
    refunds.record_refund(a_call(refunds.prepare_refund(order_id=whole, amount=TOTAL)), TAKEN)
    assert payment(whole).status == "REFUNDED"
    assert HeldPayout.objects.get(payment=payment(whole)).ended_at is not None
    assert HeldPayout.objects.get(payment=one).ended_at is None, "that is another order's"


@pytest.mark.parametrize("reply", [failed("charge_disputed"), STRANGE])
def test_a_refund_that_stripe_refuses_is_a_person_s(reply: Reply) -> None:
    order_id = taken()
    call = a_call(refunds.prepare_refund(order_id=order_id, amount=500))
    assert isinstance(refunds.record_refund(call, reply), OperatorNeeded)
    assert payment(order_id).status == "CAPTURED"


def test_refunding_begins_where_money_is_taken_and_can_be_called_off() -> None:
    order_id = taken(900)
    assert refunds.begin_refund(order_id=order_id) == 900
    assert payment(order_id).status == "REFUNDING"
    assert refunds.begin_refund(order_id=order_id) == 900
    other = taken(intent="pi_2")
    refunds.stop_refund(order_id=order_id)
    assert payment(order_id).status == payment(other).status == "CAPTURED"
    lapsed = held("pi_3")
    refunds.stop_refund(order_id=lapsed)
    assert payment(lapsed).status == PaymentStatus.AUTHORIZED


def transfer(order_id: UUID, leg: Leg = Leg.RUNNER) -> Any:
    return payouts.prepare_transfer(order_id=order_id, leg=leg, destination="acct_1", amount=399)


def test_a_leg_that_can_t_be_paid_now_is_noted_told_once_and_looked_at_again(settings: Any) -> None:
    settings.STRIPE_RETRY_SCALE = 1.0
    settings.PAYOUT_HELD_MAX_SECONDS = 1000
    order_id = taken()
    before = operations.now()
    waiting = payouts.wait_for_account(
        order_id=order_id, leg=Leg.RUNNER, amount=399, why="no account"
    )
    assert isinstance(waiting, Waiting)
    assert waiting == Waiting("payout_account.updated", operations.now() + timedelta(days=1))
    assert before <= operations.now()
    kind, data = told(order_id)[-1]
    assert kind == "payout.held"
    wanted = {
        "payable": "runner_payable", "amount": 399, "currency": "USD", "waits_for": "account",
        "reason": "no account",
    }  # fmt: skip
    assert wanted.items() <= data.items()
    empty = payouts.record_transfer(a_call(transfer(order_id)), failed("balance_insufficient"))
    assert empty == Waiting("balance.available", operations.now() + timedelta(hours=1))
    row = HeldPayout.objects.get(payment__order_id=order_id)
    assert (row.leg, row.amount, row.currency, row.order_id) == ("runner", 399, "USD", order_id)
    assert (row.waits_for, row.reason) == ("balance", "no: balance_insufficient")
    assert [kind for kind, _ in told(order_id)].count("payout.held") == 1
    call = a_call(transfer(order_id))
    payouts.wait_for_account(order_id=order_id, leg=Leg.RESTAURANT, amount=1, why="none")
    payouts.record_transfer(call, MADE)
    ended = HeldPayout.objects.filter(payment__order_id=order_id).exclude(ended_at=None)
    assert [one.leg for one in ended] == ["runner"]


def test_a_leg_that_waits_too_long_is_a_person_s_with_the_reason(settings: Any) -> None:
    settings.PAYOUT_HELD_MAX_SECONDS = -1
    no = payouts.wait_for_account(order_id=taken(), leg=Leg.RUNNER, amount=399, why="no account")
    assert isinstance(no, OperatorNeeded)
    assert "The runner is waiting to be paid since" in str(no)
    assert "no account" in str(no)


def test_a_leg_that_waited_before_waits_again() -> None:
    order_id = taken()
    payouts.wait_for_account(order_id=order_id, leg=Leg.RUNNER, amount=399, why="no account")
    HeldPayout.objects.filter(order_id=order_id).update(ended_at=operations.now())
    payouts.wait_for_account(order_id=order_id, leg=Leg.RUNNER, amount=399, why="restricted")
    row = HeldPayout.objects.get(order_id=order_id)
    assert (row.ended_at, row.reason) == (None, "restricted")


def test_an_account_that_is_gone_is_said_with_what_to_do() -> None:
    no = payouts.never_to_be_paid(order_id=taken(), leg=Leg.RUNNER, why="The account is gone.")
    assert "The runner can't be paid: The account is gone." in str(no)


@pytest.mark.parametrize(("reply", "said"), [(LOST, Unknown), (STRANGE, OperatorNeeded)])
@pytest.mark.parametrize("back", [False, True])
def test_a_transfer_or_its_reversal_without_an_answer_is_not_made_twice(
    reply: Reply, said: type, back: bool
) -> None:
    order_id = taken()
    call, record, again = a_call(transfer(order_id)), payouts.record_transfer, transfer
    if back:
        payouts.record_transfer(call, MADE)
        call = a_call(payouts.prepare_reversal(order_id=order_id, leg=Leg.RUNNER))
        record = payouts.record_reversal  # type: ignore[assignment]
        again = lambda one: payouts.prepare_reversal(order_id=one, leg=Leg.RUNNER)  # noqa: E731
    assert isinstance(record(call, reply), said)
    if reply is LOST:
        assert a_call(again(order_id)).key == call.key
    else:
        assert isinstance(again(order_id), OperatorNeeded)


@pytest.mark.parametrize(
    "code", ["balance_insufficient", "account_invalid", "account_closed", "no_account"]
)
def test_what_an_account_can_t_give_back_is_owed_and_another_refusal_is_a_person_s(
    code: str,
) -> None:
    order_id = taken()
    paid = payouts.record_transfer(a_call(transfer(order_id)), MADE)
    assert isinstance(paid, dict)
    call = a_call(payouts.prepare_reversal(order_id=order_id, leg=Leg.RUNNER))
    owed = payouts.record_reversal(call, failed(code))
    assert owed == {"reversed": 0, "owed": 399, "operation_id": None}
    again = a_call(payouts.prepare_reversal(order_id=order_id, leg=Leg.RUNNER))
    assert isinstance(payouts.record_reversal(again, failed("else")), OperatorNeeded)
    third = a_call(payouts.prepare_reversal(order_id=order_id, leg=Leg.RUNNER))
    back = payouts.record_reversal(third, MADE)
    assert back == {"reversed": 399, "owed": 0, "operation_id": third.operation_id}
    assert payouts.prepare_reversal(order_id=order_id, leg=Leg.RUNNER) == back
