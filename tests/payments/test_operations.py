"""Operations: one row per intended call, one key for as long as its outcome is unknown."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from campusg.ids import new_id
from payments import operations, services
from payments.errors import OperatorNeeded, PaymentBusy, PaymentDeclined, PaymentUnanswered
from payments.gateway import Outcome, Reply
from payments.models import Kind, Operation, OperationState, Payment, PaymentStatus
from payments.operations import Call
from sagas.engine import Again, Unknown

pytestmark = pytest.mark.django_db

SUCCEEDED = Reply(Outcome.SUCCEEDED, object_id="pi_1")
DECLINED = Reply(Outcome.FAILED, code="generic_decline", message="Your card was declined.")
LOST = Reply(Outcome.UNKNOWN, code="APIConnectionError")
BUSY = Reply(Outcome.NOT_RUN, code="rate_limit")
STRANGE = Reply(Outcome.OPERATOR, code="never_seen_before")
STORED = Reply(Outcome.UNKNOWN, code="api_error", read_only=True)


@pytest.fixture
def order() -> dict[str, Any]:
    return {
        "order_id": new_id(),
        "customer_id": new_id(),
        "amount": 1772,
        "currency": "USD",
        "stripe_customer": "cus_1",
        "payment_method": "pm_1",
    }


def prepare(order: dict[str, Any]) -> Call:
    call = services.prepare_authorization(**order)
    assert isinstance(call, Call)
    return call


def the(call: Call) -> Operation:
    return Operation.objects.get(pk=call.operation_id)


def grow_old(call: Call, **age: float) -> None:
    Operation.objects.filter(pk=call.operation_id).update(sent_at=Now() - timedelta(**age))


def test_the_row_is_there_before_the_call_with_its_key_and_its_parameters(
    order: dict[str, Any],
) -> None:
    call = prepare(order)
    operation = the(call)
    assert operation.state == OperationState.SENT
    assert call.key == f"campusg:test:{order['order_id']}:authorize:1"
    assert operation.params == call.params
    assert call.params["metadata"]["operation_id"] == str(operation.pk)
    assert (call.params["amount"], call.params["currency"]) == (1772, "usd")
    assert operation.next_try_at is not None


@pytest.mark.parametrize("reply", [None, LOST, BUSY, STORED])
def test_while_its_outcome_is_unknown_a_call_keeps_its_key_and_parameters(
    order: dict[str, Any], reply: Reply | None
) -> None:
    first = prepare(order)
    if reply:
        services.record_authorization(first, reply)
    second = prepare(order)
    assert (second.key, second.params) == (first.key, first.params)
    assert Operation.objects.count() == 1


def test_only_after_a_definitive_failure_does_the_number_rise(order: dict[str, Any]) -> None:
    first = prepare(order)
    assert isinstance(services.record_authorization(first, DECLINED), PaymentDeclined)
    second = prepare(order)
    assert second.key.endswith(":authorize:2")
    assert second.params["metadata"]["operation_id"] != first.params["metadata"]["operation_id"]


def test_a_second_reply_changes_nothing(order: dict[str, Any]) -> None:
    call = prepare(order)
    services.record_authorization(call, SUCCEEDED)
    before = Operation.objects.values().get()
    late = services.record_authorization(call, Reply(Outcome.FAILED, code="late"))
    assert late == {"payment_id": call.payment_id, "payment_operation_id": call.operation_id}
    assert Operation.objects.values().get() == before
    assert Payment.objects.get().status == PaymentStatus.AUTHORIZED


def test_a_call_that_was_surely_not_run_is_made_again_soon(
    order: dict[str, Any], settings: Any
) -> None:
    settings.AUTHORIZATION_GIVE_UP_SECONDS = 900
    call = prepare(order)
    result = services.record_authorization(call, BUSY)
    assert isinstance(result, Unknown)
    assert the(call).state == OperationState.UNKNOWN


@pytest.mark.parametrize(
    ("age", "next_look"), [(0, 10), (11, 60), (61, 300), (301, 900), (4000, 10_800)]
)
def test_unknown_outcomes_are_looked_into_on_schedule_from_the_first_sending(
    order: dict[str, Any], age: float, next_look: float, settings: Any
) -> None:
    settings.STRIPE_RETRY_SCALE = 1.0
    settings.AUTHORIZATION_GIVE_UP_SECONDS = 900
    call = prepare(order)
    grow_old(call, seconds=age)
    services.record_authorization(call, LOST)
    operation = the(call)
    assert operation.next_try_at is not None
    assert round((operation.next_try_at - operation.sent_at).total_seconds()) == next_look


def test_after_a_stored_500_only_reading_is_left(order: dict[str, Any]) -> None:
    call = prepare(order)
    services.record_authorization(call, STORED)
    assert prepare(order).read_only


@pytest.mark.fault(5)
def test_an_old_key_is_never_sent(order: dict[str, Any]) -> None:
    call = prepare(order)
    grow_old(call, hours=22.9)
    assert not prepare(order).read_only
    grow_old(call, hours=23.1)
    assert prepare(order).read_only


def test_an_order_stops_waiting_for_an_authorization_after_its_time(order: dict[str, Any]) -> None:
    call = prepare(order)
    grow_old(call, hours=1)
    assert isinstance(services.record_authorization(call, LOST), PaymentUnanswered)
    assert the(call).state == OperationState.UNKNOWN


def test_after_two_days_or_a_strange_answer_a_person_is_called(order: dict[str, Any]) -> None:
    call = prepare(order)
    grow_old(call, hours=49)
    assert isinstance(services.record_authorization(call, LOST), OperatorNeeded)
    assert the(call).state == OperationState.NEEDS_OPERATOR
    other = prepare(order | {"order_id": new_id()})
    assert isinstance(services.record_authorization(other, STRANGE), OperatorNeeded)
    assert isinstance(services.prepare_release(order_id=the(other).order_id), OperatorNeeded)


def test_nothing_to_release_without_an_operation_or_after_a_refusal(order: dict[str, Any]) -> None:
    assert services.prepare_release(order_id=order["order_id"]) is None
    services.record_authorization(prepare(order), DECLINED)
    assert services.prepare_release(order_id=order["order_id"]) is None


def test_releasing_an_unknown_authorization_first_makes_it_known(order: dict[str, Any]) -> None:
    first = prepare(order)
    tombstone = services.prepare_release(order_id=order["order_id"])
    assert isinstance(tombstone, Call)
    assert (tombstone.kind, tombstone.key, tombstone.params) == (
        Kind.AUTHORIZE, first.key, first.params,
    )  # fmt: skip
    assert services.record_release(tombstone, SUCCEEDED) == Again()
    void = services.prepare_release(order_id=order["order_id"])
    assert isinstance(void, Call)
    assert (void.kind, void.params["payment_intent"]) == (Kind.VOID, "pi_1")
    assert services.record_release(void, Reply(Outcome.SUCCEEDED, object_id="pi_1")) == {}
    assert Payment.objects.get().status == PaymentStatus.RELEASED
    assert services.prepare_release(order_id=order["order_id"]) is None


def test_what_is_found_late_belongs_to_the_release_that_is_under_way(
    order: dict[str, Any],
) -> None:
    call = prepare(order)
    services.prepare_release(order_id=order["order_id"])
    services.record_authorization(call, SUCCEEDED)
    assert Payment.objects.get().status == PaymentStatus.RELEASING


def test_a_release_that_gets_no_answer_leaves_the_operation_to_the_janitor(
    order: dict[str, Any],
) -> None:
    call = prepare(order)
    grow_old(call, hours=1)
    tombstone = services.prepare_release(order_id=order["order_id"])
    assert services.record_release(tombstone, LOST) == {}  # type: ignore[arg-type]
    assert the(call).watched
    again = services.prepare_resolution(payment_id=call.payment_id)
    assert isinstance(again, Call)
    assert services.record_resolution(again, SUCCEEDED)
    void = services.prepare_resolution(payment_id=call.payment_id)
    assert isinstance(void, Call)
    assert void.kind == Kind.VOID


@pytest.mark.parametrize("kind", [Kind.AUTHORIZE, Kind.VOID])
def test_the_database_allows_one_live_operation_of_a_kind(
    order: dict[str, Any], kind: Kind
) -> None:
    call = prepare(order)
    payment = Payment.objects.get(pk=call.payment_id)
    if kind == Kind.VOID:
        services.record_authorization(call, SUCCEEDED)
        operations.intend(payment, kind, {"payment_intent": "pi_1"})
    with pytest.raises(IntegrityError), transaction.atomic():
        operations.intend(payment, kind, {}, after=the(call))


@pytest.mark.parametrize("reply", [None, LOST, STRANGE])
def test_what_is_unresolved_is_found_out_before_anything_new(
    order: dict[str, Any], reply: Reply | None
) -> None:
    authorization = prepare(order)
    services.record_authorization(authorization, SUCCEEDED)
    payment = Payment.objects.get(pk=authorization.payment_id)
    first = operations.intend(payment, Kind.VOID, {"payment_intent": "pi_1"})
    if reply:
        services.record_release(first, reply)
    for kind in (Kind.CAPTURE, Kind.REFUND, Kind.TRANSFER_RUNNER):
        with pytest.raises(PaymentBusy):
            operations.intend(payment, kind, {})


def test_one_leg_does_not_wait_for_the_other(order: dict[str, Any]) -> None:
    authorization = prepare(order)
    services.record_authorization(authorization, SUCCEEDED)
    payment = Payment.objects.get(pk=authorization.payment_id)
    operations.intend(payment, Kind.TRANSFER_RUNNER, {})
    operations.intend(payment, Kind.TRANSFER_RESTAURANT, {})
    for kind in (Kind.REVERSE_RUNNER, Kind.REFUND):
        with pytest.raises(PaymentBusy):
            operations.intend(payment, kind, {})


def clock() -> datetime:
    """The database's clock as it goes on within the test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


@pytest.mark.fault(7)
def test_whoever_is_told_to_slow_down_comes_back_later_each_time_and_not_all_at_once(
    order: dict[str, Any], settings: Any
) -> None:
    settings.STRIPE_RETRY_SCALE = 1.0
    waits = []
    for tries in (1, 3, 9):
        call = prepare(order | {"order_id": new_id()})
        Operation.objects.filter(pk=call.operation_id).update(tries=tries)
        before = clock()
        services.record_authorization(call, BUSY)
        after = clock()
        moment = the(call).next_try_at
        assert moment is not None
        waits.append([(moment - at).total_seconds() for at in (before, after)])
    for (most, least), expected in zip(waits, (1, 4, 60), strict=True):
        assert 0.75 * expected <= most
        assert least <= 1.25 * expected


def test_a_person_who_was_called_can_have_stripe_looked_at_again(order: dict[str, Any]) -> None:
    call = prepare(order)
    services.record_authorization(call, STRANGE)
    assert operations.look_again([call.operation_id]) == 1
    again = services.prepare_resolution(payment_id=call.payment_id)
    assert isinstance(again, Call)
    assert again.read_only
    services.record_resolution(again, SUCCEEDED)
    assert the(call).state == OperationState.SUCCEEDED
    assert operations.look_again([call.operation_id]) == 0


def test_whoever_is_called_is_told_the_amount_and_the_evidence(
    order: dict[str, Any], caplog: Any
) -> None:
    call = prepare(order)
    grow_old(call, hours=49)
    lost = Reply(Outcome.UNKNOWN, code="APIConnectionError", message="reset", request_id="req_7")
    services.record_authorization(call, lost)
    for part in (call.key, "1772 USD", "1 tries", "APIConnectionError", "reset", "req_7"):
        assert part in caplog.text
