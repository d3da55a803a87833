"""What an answer changes about a payment: its state, its times, and the event that tells of it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from payments import operations, services
from payments.errors import (
    NothingHeld,
    OperatorNeeded,
    PaymentDeclined,
    PaymentNotConfirmed,
)
from payments.gateway import HOLD_LAPSED, HOLD_STANDS, Outcome, Reply
from payments.learning import answered, confirmation_of
from payments.models import OperationState
from sagas.engine import Again, Waiting
from tests.payments.money import (
    ASKED,
    HELD,
    LAPSES,
    LOST,
    MADE,
    TAKEN,
    TOTAL,
    a_call,
    an_authorization,
    dated,
    failed,
    held,
    last_told,
    operation,
    order_of,
    payment,
    refused_capture,
    told,
)

pytestmark = pytest.mark.django_db


def test_money_is_held_until_its_time() -> None:
    call = an_authorization()
    known = services.record_authorization(call, HELD)
    one, row = payment(order_of(call)), operation(call)
    assert known == {"payment_id": one.pk, "payment_operation_id": row.pk}
    assert services.authorization_of(order_id=one.order_id) == known
    assert (one.status, one.payment_intent) == ("AUTHORIZED", "pi_1")
    assert (one.capture_before, one.authorized_at) == (LAPSES, row.resolved_at)
    assert dated(one) == {"authorized_at"}
    assert (row.state, row.next_try_at, row.stripe_id) == ("succeeded", None, "pi_1")
    assert last_told(one.order_id) == ("payment.authorized", TOTAL)


def test_a_card_that_declines_fails_the_payment() -> None:
    call = an_authorization()
    no = services.record_authorization(call, failed("generic_decline", request_id="req_1"))
    assert isinstance(no, PaymentDeclined)
    assert str(no) == "no: generic_decline"
    one, row = payment(order_of(call)), operation(call)
    assert (one.status, dated(one)) == ("FAILED", {"failed_at"})
    assert (row.state, row.code, row.stripe_id) == ("failed", "generic_decline", None)
    assert row.request_id == "req_1"
    assert told(one.order_id) == []
    with pytest.raises(NothingHeld):
        services.authorization_of(order_id=one.order_id)


@pytest.mark.parametrize(
    ("code", "status", "time"),
    [("", "RELEASED", "released_at"), (HOLD_LAPSED, "LAPSED", "lapsed_at")],
)
def test_a_hold_given_back_is_released_and_one_that_was_gone_already_is_lapsed(
    code: str, status: str, time: str
) -> None:
    order_id = held()
    call = a_call(services.prepare_release(order_id=order_id))
    assert payment(order_id).status == "RELEASING"
    done = Reply(Outcome.SUCCEEDED, object_id="pi_1", code=code)
    assert services.record_release(call, done) == {}
    one = payment(order_id)
    assert (one.status, dated(one)) == (status, {"authorized_at", time})
    assert last_told(order_id) == (f"payment.{status.lower()}", TOTAL)
    assert services.prepare_release(order_id=order_id) is None


def test_a_void_that_reading_shows_not_to_have_happened_is_asked_for_anew() -> None:
    order_id = held()
    call = a_call(services.prepare_release(order_id=order_id))
    assert isinstance(services.record_release(call, failed(HOLD_STANDS)), Again)
    again = a_call(services.prepare_release(order_id=order_id))
    assert again.key.endswith(":void:2")
    no = services.record_release(again, failed("intent_invalid_state"))
    assert isinstance(no, OperatorNeeded)


def test_what_is_taken_is_known_with_its_charge_fee_and_time() -> None:
    order_id = held()
    call = a_call(services.prepare_capture(order_id=order_id, amount=900))
    assert payment(order_id).status == "CAPTURING"
    known = services.record_capture(call, TAKEN)
    one = payment(order_id)
    assert known == {
        "captured": 900, "stripe_fee": 81, "charge": "ch_1",
        "capture_operation_id": call.operation_id,
    }  # fmt: skip
    assert (one.status, one.captured_amount, one.stripe_fee) == ("CAPTURED", 900, 81)
    assert dated(one) == {"authorized_at", "captured_at"}
    assert services.paid_by_card(order_id=order_id) == 900
    assert last_told(order_id) == ("payment.captured", 900)


@pytest.mark.parametrize(
    "code", ["hold_gone", "charge_expired_for_capture", "capture_charge_authorization_expired"]
)
def test_a_capture_that_finds_no_hold_leaves_it_lapsed(code: str) -> None:
    one = payment(refused_capture(code))
    assert (one.status, dated(one)) == ("LAPSED", {"authorized_at", "lapsed_at"})
    assert last_told(one.order_id) == ("payment.capture_failed", TOTAL)


def test_a_capture_that_the_bank_refuses_leaves_the_hold_where_it_was() -> None:
    one = payment(refused_capture("generic_decline"))
    assert (one.status, dated(one)) == ("AUTHORIZED", {"authorized_at"})
    assert last_told(one.order_id) == ("payment.capture_failed", TOTAL)
    anew = payment(refused_capture(HOLD_STANDS, "pi_2"))
    assert anew.status == "AUTHORIZED"
    assert [kind for kind, _ in told(anew.order_id)] == ["payment.authorized"]


# The card's owner is asked.


def asked_for_confirmation() -> tuple[Any, UUID]:
    call = an_authorization()
    waiting = services.record_authorization(call, ASKED)
    assert isinstance(waiting, Waiting)
    assert waiting.signal == answered(call.operation_id)
    assert waiting.until == operation(call).next_try_at
    return call, order_of(call)


def test_while_its_owner_is_asked_a_payment_waits_and_is_only_read() -> None:
    call, order_id = asked_for_confirmation()
    row = operation(call)
    assert (row.state, row.read_only, row.stripe_id) == ("requires_action", True, "pi_1")
    assert confirmation_of(payment(order_id)) == "pi_1"
    assert an_authorization(order_id).read_only
    services.record_authorization(call, HELD)
    assert confirmation_of(payment(order_id)) == ""


def test_a_card_that_fails_while_its_owner_is_asked_may_be_tried_again() -> None:
    call, _ = asked_for_confirmation()
    again = services.record_authorization(call, failed("declined", may_be_confirmed=True))
    assert isinstance(again, Waiting)
    services.record_authorization(call, LOST)
    assert operation(call).state == OperationState.REQUIRES_ACTION
    first = an_authorization()
    no = services.record_authorization(first, failed("declined", may_be_confirmed=True))
    assert isinstance(no, PaymentDeclined), "nobody has been asked"


@pytest.mark.parametrize(
    ("passed", "look"), [(0, 10), (299, 300), (300, 700), (650, 700), (701, 900)]
)
def test_the_last_look_comes_when_the_owner_s_time_is_over(
    settings: Any, passed: int, look: int
) -> None:
    settings.STRIPE_RETRY_SCALE = 1.0
    settings.PAYMENT_CONFIRMATION_SECONDS = 700
    row = operation(asked_for_confirmation()[0])
    row.db_now = row.sent_at + timedelta(seconds=passed)  # type: ignore[attr-defined]
    operations.save_reply(row, ASKED)
    assert row.next_try_at == row.sent_at + timedelta(seconds=look)
    assert operations.not_confirmed(row) == (passed > 700)


def test_who_has_not_confirmed_in_time_is_refused_and_the_intent_cancelled(settings: Any) -> None:
    settings.PAYMENT_CONFIRMATION_SECONDS = 0
    call = an_authorization()
    assert isinstance(services.record_authorization(call, ASKED), PaymentNotConfirmed)
    order_id = order_of(call)
    void = a_call(services.prepare_release(order_id=order_id))
    assert void.params["payment_intent"] == "pi_1"
    assert services.record_release(void, MADE) == {}
    one, row = payment(order_id), operation(call)
    assert (one.status, dated(one)) == ("FAILED", {"failed_at"})
    assert (row.state, row.code, row.next_try_at) == ("failed", "not_confirmed", None)
    assert row.resolved_at is not None
    assert told(order_id) == []
