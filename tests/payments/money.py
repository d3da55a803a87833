"""An order's payment brought as far as a test needs it, with replies made up in Stripe's place."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from campusg.ids import new_id
from events.models import OutboxEvent
from payments import services
from payments.gateway import Outcome, Reply
from payments.models import Operation, Payment
from payments.operations import Call

TOTAL = 1772
TIMES = ("authorized_at", "failed_at", "released_at", "lapsed_at", "captured_at", "refunded_at")
LAPSES = datetime(2026, 5, 1, 12, tzinfo=UTC)
HELD = Reply(Outcome.SUCCEEDED, object_id="pi_1", capture_before=LAPSES)
TAKEN = Reply(Outcome.SUCCEEDED, object_id="pi_1", charge="ch_1", stripe_fee=81)
MADE = Reply(Outcome.SUCCEEDED, object_id="xx_1")
LOST = Reply(Outcome.UNKNOWN, code="APIConnectionError", message="reset")
STRANGE = Reply(Outcome.OPERATOR, code="never_seen_before", message="strange")
ASKED = Reply(Outcome.WAITING, object_id="pi_1", code="requires_action")


def failed(code: str, **other: Any) -> Reply:
    return Reply(Outcome.FAILED, code=code, message=f"no: {code}", **other)


def a_call(made: Any) -> Call:
    assert isinstance(made, Call)
    return made


def an_authorization(order_id: UUID | None = None) -> Call:
    """The call that would hold an order's money."""
    return a_call(
        services.prepare_authorization(
            order_id=order_id or new_id(),
            customer_id=new_id(),
            amount=TOTAL,
            currency="USD",
            stripe_customer="cus_1",
            payment_method="pm_1",
        )
    )


def order_of(call: Call) -> UUID:
    return Payment.objects.get(pk=call.payment_id).order_id


def held(intent: str = "pi_1") -> UUID:
    """An order whose money is held."""
    call = an_authorization()
    services.record_authorization(call, replace(HELD, object_id=intent))
    return order_of(call)


def taken(amount: int = TOTAL, intent: str = "pi_1") -> UUID:
    """An order whose money is taken."""
    order_id = held(intent)
    call = a_call(services.prepare_capture(order_id=order_id, amount=amount))
    services.record_capture(call, replace(TAKEN, object_id=intent))
    return order_id


def refused_capture(code: str = "charge_expired_for_capture", intent: str = "pi_1") -> UUID:
    """An order that was delivered and whose card refused."""
    order_id = held(intent)
    call = a_call(services.prepare_capture(order_id=order_id, amount=TOTAL))
    services.record_capture(call, failed(code))
    return order_id


def payment(order_id: UUID) -> Payment:
    return Payment.objects.get(order_id=order_id)


def operation(call: Call) -> Operation:
    """As it stands now, with the database's clock as `db_now`."""
    return Operation.objects.annotate(db_now=Now()).get(pk=call.operation_id)


def told(order_id: UUID) -> list[tuple[str, dict[str, Any]]]:
    """Type and data of the order's events, oldest first."""
    events = OutboxEvent.objects.filter(aggregateid=order_id).order_by("aggversion")
    return [(one.type, one.payload) for one in events]


def dated(one: Payment) -> set[str]:
    """Which of its times a payment has."""
    return {name for name in TIMES if getattr(one, name)}


def last_told(order_id: UUID) -> tuple[str, int]:
    """The last event's type and amount."""
    kind, data = told(order_id)[-1]
    one = payment(order_id)
    assert (data["payment_id"], data["currency"]) == (str(one.pk), "USD")
    assert data["customer_id"] == str(one.customer_id)
    return kind, data["amount"]
