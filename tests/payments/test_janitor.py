"""The janitor: what no run waits for is found out by a worker, once, and undone if need be."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from payments import janitor, operations, services
from payments.janitor import BATCH, GRACE, hurry_due, resolve
from payments.models import Operation
from payments.operations import Call
from tests.payments.money import (
    ASKED,
    HELD,
    LOST,
    MADE,
    a_call,
    an_authorization,
    held,
    operation,
    order_of,
    payment,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The payments that a worker was sent to."""
    seen: list[UUID] = []

    def apply_async(given: tuple[str], *, queue: str, retry: bool) -> None:
        assert (queue, retry) == ("remote", False)
        seen.append(UUID(*given))

    monkeypatch.setattr(janitor.resolve, "apply_async", apply_async)
    return seen


def due(call: Call, seconds: float) -> None:
    """It should have been looked into so many seconds ago."""
    moment = Now() - timedelta(seconds=seconds)
    Operation.objects.filter(pk=call.operation_id).update(next_try_at=moment)


def test_a_worker_is_sent_to_what_is_due_and_the_janitor_waits_again(
    sent: list[UUID], settings: Any
) -> None:
    settings.STRIPE_RETRY_SCALE = 4
    assert timedelta(seconds=30) == GRACE
    older, late, soon = (an_authorization() for _ in range(3))
    for call, seconds in ((late, 130), (older, 600), (soon, 60)):
        due(call, seconds)
    assert hurry_due() == 2
    assert sent == [older.payment_id, late.payment_id]
    row = operation(older)
    assert row.next_try_at is not None
    left = row.next_try_at - row.db_now  # type: ignore[attr-defined]
    assert timedelta(seconds=80) < left <= timedelta(seconds=120)
    assert Operation.objects.filter(pk=soon.operation_id, next_try_at__lt=Now()).exists()
    assert hurry_due() == 0


def test_only_so_many_are_taken_at_once(sent: list[UUID]) -> None:
    first, second = an_authorization(), an_authorization()
    due(first, 3600)
    due(second, 7200)
    assert hurry_due(1) == 1
    assert sent == [second.payment_id]
    assert BATCH == 50


def test_without_a_broker_the_rest_waits_for_the_next_tick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []

    def gone(*given: object, **how: object) -> None:
        tried.append(given)
        raise OperationalError("connection refused")

    monkeypatch.setattr(janitor.resolve, "apply_async", gone)
    for _ in range(2):
        due(an_authorization(), 3600)
    assert hurry_due() == 2
    assert len(tried) == 1


@pytest.fixture
def replies(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What Stripe answers, one after the other; and what is announced, after it."""
    answers: list[Any] = []
    monkeypatch.setattr(services, "perform", lambda call: answers.pop(0))
    monkeypatch.setattr(janitor, "announce", lambda name: answers.append(name))
    return answers


def test_what_turned_up_after_its_order_was_called_off_is_given_back(replies: list[Any]) -> None:
    call = an_authorization()
    order_id = order_of(call)
    services.record_authorization(call, LOST)
    a_call(services.prepare_release(order_id=order_id))
    replies += [HELD, MADE]
    resolve(str(call.payment_id))
    assert payment(order_id).status == "RELEASED"
    void = Operation.objects.get(order_id=order_id, kind="void")
    assert replies == [f"operation:{call.operation_id}", f"operation:{void.pk}"]


def test_what_is_found_out_ends_there_while_its_order_goes_on(replies: list[Any]) -> None:
    call = an_authorization()
    services.record_authorization(call, LOST)
    replies.append(HELD)
    resolve(str(call.payment_id))
    assert payment(order_of(call)).status == "AUTHORIZED"
    assert replies == [f"operation:{call.operation_id}"]
    resolve(str(call.payment_id))
    assert replies == [f"operation:{call.operation_id}"], "nothing is left to find out"


def test_a_card_whose_owner_was_asked_in_vain_is_not_asked_about_but_cancelled() -> None:
    call = an_authorization()
    services.record_authorization(call, ASKED)
    look = a_call(services.prepare_resolution(payment_id=call.payment_id))
    assert (look.kind, look.read_only) == ("authorize", True)
    services.prepare_release(order_id=order_of(call))
    void = a_call(services.prepare_resolution(payment_id=call.payment_id))
    assert void.kind == "void"


def test_only_a_hold_that_nobody_wants_any_more_needs_another_call() -> None:
    wanted, unwanted = an_authorization(), an_authorization()
    assert not services.record_resolution(wanted, HELD)
    services.prepare_release(order_id=order_of(unwanted))
    assert not services.record_resolution(unwanted, LOST)
    assert services.record_resolution(unwanted, replace(ASKED, object_id="pi_2"))
    void = a_call(services.prepare_resolution(payment_id=unwanted.payment_id))
    assert not services.record_resolution(void, MADE)


def test_an_authorization_that_is_watched_holds_up_no_release(settings: Any) -> None:
    settings.AUTHORIZATION_GIVE_UP_SECONDS = 0
    call = an_authorization()
    order_id = order_of(call)
    again = a_call(services.prepare_release(order_id=order_id))
    assert services.record_release(again, LOST) == {}
    assert operation(call).watched
    assert services.prepare_release(order_id=order_id) is None
    assert operations.overdue(operation(call))
    assert services.prepare_release(order_id=held()) is not None
