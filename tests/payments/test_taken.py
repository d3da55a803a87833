"""Money that was taken: captures, transfers, reversals, refunds, and what cancelling settles."""

from typing import Any
from uuid import UUID

import pytest

from campusg.ids import new_id
from payments import payouts, refunds, services
from payments.errors import (
    NothingHeld,
    NothingToRefund,
    OperatorNeeded,
    PaymentBusy,
    PayoutOff,
)
from payments.gateway import HOLD_STANDS, Outcome, Reply
from payments.models import Kind, Leg, Payment, PaymentStatus
from payments.operations import Call
from sagas.engine import Again, Unknown, Waiting

pytestmark = pytest.mark.django_db

TOTAL = 1772
HELD = Reply(Outcome.SUCCEEDED, object_id="pi_1")
TAKEN = Reply(Outcome.SUCCEEDED, object_id="pi_1", charge="ch_1", stripe_fee=81)
MADE = Reply(Outcome.SUCCEEDED, object_id="xx_1")
LOST = Reply(Outcome.UNKNOWN, code="APIConnectionError")
DECLINED = Reply(Outcome.FAILED, code="generic_decline", message="Your card was declined.")
STRANGE = Reply(Outcome.OPERATOR, code="never_seen_before")


def failed(code: str) -> Reply:
    return Reply(Outcome.FAILED, code=code, message=code)


def a_call(made: Any) -> Call:
    assert isinstance(made, Call)
    return made


@pytest.fixture
def order_id() -> UUID:
    """An order whose money is held."""
    order_id = new_id()
    call = services.prepare_authorization(
        order_id=order_id,
        customer_id=new_id(),
        amount=TOTAL,
        currency="USD",
        stripe_customer="cus_1",
        payment_method="pm_1",
    )
    services.record_authorization(a_call(call), HELD)
    return order_id


@pytest.fixture
def taken(order_id: UUID) -> UUID:
    """An order whose money is taken."""
    services.record_capture(capture(order_id), TAKEN)
    return order_id


def capture(order_id: UUID, amount: int = TOTAL) -> Call:
    return a_call(services.prepare_capture(order_id=order_id, amount=amount))


def transfer(order_id: UUID, leg: Leg = Leg.RUNNER, destination: str = "acct_1") -> Any:
    return payouts.prepare_transfer(order_id=order_id, leg=leg, destination=destination, amount=399)


def payment(order_id: UUID) -> Payment:
    return Payment.objects.get(order_id=order_id)


# Captures.


def test_what_is_captured_is_known_with_its_charge_and_fee(order_id: UUID) -> None:
    result = services.record_capture(capture(order_id), TAKEN)
    assert isinstance(result, dict)
    assert (result["captured"], result["stripe_fee"], result["charge"]) == (TOTAL, 81, "ch_1")
    assert payment(order_id).status == PaymentStatus.CAPTURED
    assert services.prepare_capture(order_id=order_id, amount=TOTAL) == result


def test_an_unanswered_capture_keeps_its_key(order_id: UUID) -> None:
    first = capture(order_id)
    assert isinstance(services.record_capture(first, LOST), Unknown)
    assert capture(order_id).key == first.key


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (DECLINED, PaymentStatus.AUTHORIZED),
        (failed("hold_gone"), PaymentStatus.LAPSED),
        (failed("charge_expired_for_capture"), PaymentStatus.LAPSED),
    ],
)
def test_a_refused_capture_is_nothing_captured(
    order_id: UUID, reply: Reply, status: PaymentStatus
) -> None:
    result = services.record_capture(capture(order_id), reply)
    assert isinstance(result, dict)
    assert result["captured"] == 0
    assert payment(order_id).status == status


def test_a_capture_that_reading_shows_not_to_have_happened_is_made_anew(order_id: UUID) -> None:
    first = capture(order_id)
    assert services.record_capture(first, failed(HOLD_STANDS)) == Again()
    assert capture(order_id).key.endswith(":capture:2")


def test_a_strange_answer_to_a_capture_is_a_person_s(order_id: UUID) -> None:
    assert isinstance(services.record_capture(capture(order_id), STRANGE), OperatorNeeded)
    again = services.prepare_capture(order_id=order_id, amount=TOTAL)
    assert isinstance(again, OperatorNeeded)


def test_what_is_being_taken_is_not_released_and_the_reverse(order_id: UUID) -> None:
    capture(order_id)
    with pytest.raises(PaymentBusy):
        services.prepare_release(order_id=order_id)


def test_what_is_being_released_is_not_taken(order_id: UUID) -> None:
    services.prepare_release(order_id=order_id)
    with pytest.raises(PaymentBusy):
        services.prepare_capture(order_id=order_id, amount=TOTAL)


def test_nothing_is_captured_that_was_never_held() -> None:
    with pytest.raises(NothingHeld):
        services.prepare_capture(order_id=new_id(), amount=TOTAL)


# Transfers and reversals.


def test_a_leg_is_paid_out_of_the_charge_and_once(taken: UUID) -> None:
    call = transfer(taken)
    assert call.params["source_transaction"] == "ch_1"
    assert call.params["transfer_group"] == str(taken)
    assert call.params["metadata"]["operation_id"] == str(call.operation_id)
    known = payouts.record_transfer(call, MADE)
    assert transfer(taken) == known == {
        "transfer_operation_id": call.operation_id, "sent": 399
    }  # fmt: skip


def test_each_leg_is_a_call_of_its_own(taken: UUID) -> None:
    assert transfer(taken, Leg.RUNNER).key != transfer(taken, Leg.RESTAURANT).key


@pytest.mark.parametrize(
    ("code", "signal"),
    [
        ("insufficient_capabilities_for_transfer", payouts.ACCOUNT_UPDATED),
        ("balance_insufficient", "balance.available"),
    ],
)
def test_a_payee_who_can_t_be_paid_now_is_waited_for(taken: UUID, code: str, signal: str) -> None:
    waiting = payouts.record_transfer(transfer(taken), failed(code))
    assert isinstance(waiting, Waiting)
    assert waiting.signal == signal
    again = transfer(taken, destination="acct_2")
    assert again.key.endswith(":transfer_runner:2")
    assert again.params["destination"] == "acct_2"


def test_an_account_that_is_gone_is_a_person_s(taken: UUID) -> None:
    gone = payouts.record_transfer(transfer(taken), failed("resource_missing"))
    assert isinstance(gone, OperatorNeeded)


def test_nothing_is_paid_on_before_it_is_taken_or_once_it_goes_back(order_id: UUID) -> None:
    with pytest.raises(PaymentBusy):
        transfer(order_id)
    services.record_capture(capture(order_id), TAKEN)
    refunds.begin_refund(order_id=order_id)
    with pytest.raises(PayoutOff):
        transfer(order_id)
    refunds.stop_refund(order_id=order_id)
    assert isinstance(transfer(order_id), Call)


@pytest.mark.parametrize(
    ("reply", "back", "owed"), [(MADE, 399, 0), (failed("balance_insufficient"), 0, 399)]
)
def test_what_can_t_be_taken_back_is_owed(taken: UUID, reply: Reply, back: int, owed: int) -> None:
    payouts.record_transfer(transfer(taken), MADE)
    call = a_call(payouts.prepare_reversal(order_id=taken, leg=Leg.RUNNER))
    assert (call.params["transfer"], call.params["amount"]) == ("xx_1", 399)
    result = payouts.record_reversal(call, reply)
    assert isinstance(result, dict)
    assert (result["reversed"], result["owed"]) == (back, owed)


def test_what_was_never_paid_needs_no_reversal(taken: UUID) -> None:
    nothing = payouts.prepare_reversal(order_id=taken, leg=Leg.RUNNER)
    assert nothing == {"reversed": 0, "owed": 0, "operation_id": None}


# Refunds.


def test_a_refund_gives_back_what_was_taken_and_once(taken: UUID) -> None:
    assert refunds.begin_refund(order_id=taken) == TOTAL
    call = a_call(refunds.prepare_refund(order_id=taken, amount=TOTAL))
    known = refunds.record_refund(call, MADE)
    assert refunds.prepare_refund(order_id=taken, amount=TOTAL) == known
    assert payment(taken).status == PaymentStatus.REFUNDED
    with pytest.raises(NothingToRefund):
        refunds.begin_refund(order_id=taken)


def test_a_refund_that_waits_at_stripe_is_only_read_about(taken: UUID) -> None:
    call = a_call(refunds.prepare_refund(order_id=taken, amount=TOTAL))
    waits = Reply(Outcome.UNKNOWN, object_id="re_1", code="refund_pending", read_only=True)
    assert isinstance(refunds.record_refund(call, waits), Unknown)
    assert a_call(refunds.prepare_refund(order_id=taken, amount=TOTAL)).read_only


def test_nothing_goes_back_while_a_payout_is_unanswered(taken: UUID) -> None:
    transfer(taken)
    with pytest.raises(PaymentBusy):
        refunds.begin_refund(order_id=taken)


# What a cancelled order's card comes to pay.


def settlement(order_id: UUID, due: int) -> Any:
    return refunds.prepare_settlement(order_id=order_id, due=due)


@pytest.mark.parametrize(("due", "kind"), [(0, Kind.VOID), (500, Kind.CAPTURE)])
def test_a_hold_is_voided_or_captured_in_part(order_id: UUID, due: int, kind: Kind) -> None:
    call = a_call(settlement(order_id, due))
    assert call.kind == kind
    assert refunds.record_settlement(call, TAKEN) == Again()
    settled = settlement(order_id, due)
    assert (settled["captured"], settled["refunded"]) == (due, 0)
    assert settled["stripe_fee"] == payment(order_id).stripe_fee
    assert settled["settlement_operation_id"] == call.operation_id


def test_of_what_was_taken_already_the_rest_goes_back(taken: UUID) -> None:
    call = a_call(settlement(taken, 500))
    assert (call.kind, call.params["amount"]) == (Kind.REFUND, TOTAL - 500)
    assert refunds.record_settlement(call, MADE) == Again()
    settled = settlement(taken, 500)
    assert (settled["captured"], settled["refunded"]) == (TOTAL, TOTAL - 500)
    assert payment(taken).status == PaymentStatus.PARTLY_REFUNDED


def test_a_bank_that_refuses_the_part_is_not_insisted_on(order_id: UUID) -> None:
    assert refunds.record_settlement(a_call(settlement(order_id, 500)), DECLINED) == Again()
    assert a_call(settlement(order_id, 500)).kind == Kind.VOID


def test_a_refund_that_is_refused_outright_needs_a_person(taken: UUID) -> None:
    no = refunds.record_settlement(a_call(settlement(taken, 500)), failed("charge_disputed"))
    assert isinstance(no, OperatorNeeded)


def test_a_hold_that_is_gone_settles_at_nothing(order_id: UUID) -> None:
    refunds.record_settlement(a_call(settlement(order_id, 500)), failed("hold_gone"))
    assert settlement(order_id, 500)["captured"] == 0
