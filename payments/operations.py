"""Operations: written before the call, resolved by whoever learns the outcome."""

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from campusg.ids import new_id
from payments import gateway
from payments.errors import PaymentBusy
from payments.gateway import Outcome, Reply
from payments.models import UNRESOLVED, Kind, Leg, Operation, OperationState, Payment

log = logging.getLogger(__name__)

#: Seconds after the first sending at which an unknown outcome is looked into again, and a last
#: time before a person is called. After Kill Bill's janitor; the key is only good for 24 h.
SCHEDULE = (10, 60, 300, 900, 3600, 10_800, 21_600, 43_200, 82_800)
#: https://docs.stripe.com/api/idempotent_requests: keys are kept at least 24 h; after that the
#: same key would make a new request, so it is never sent again.
KEY_GOOD_FOR = timedelta(hours=23)
CALL_A_PERSON_AFTER = timedelta(hours=48)
#: What these make is found by its metadata; the others change an intent that is known.
_MAKE_AN_OBJECT = frozenset(Kind) - {Kind.VOID, Kind.CAPTURE}
#: Each leg is paid, and taken back, alone: what is unknown of one says nothing about the other.
_LEGS = tuple(frozenset({leg.transfer, leg.reversal}) for leg in Leg)
#: Well beyond the longest a call can take. If the process that made it dies and its run does not
#: come back to it either, the janitor looks then.
IN_FLIGHT = timedelta(seconds=60)


@dataclass(frozen=True)
class Call:
    """Everything a call to Stripe needs, read while the operation was locked."""

    operation_id: UUID
    payment_id: UUID
    kind: Kind
    key: str
    params: dict[str, Any]
    sent_at: datetime
    read_only: bool


def latest(payment: Payment, kind: Kind) -> Operation | None:
    """The newest operation of a kind; its payment is locked, so nobody adds another."""
    return (
        Operation.objects.select_for_update()
        .annotate(db_now=Now())
        .filter(payment=payment, kind=kind)
        .order_by("-n")
        .first()
    )


def intend(
    payment: Payment,
    kind: Kind,
    params: dict[str, Any],
    *,
    after: Operation | None = None,
    amount: int | None = None,
) -> Call:
    """Write down the call that is about to be made, over `amount` (or all of the payment).
    Committed before it is made. `after` is the failed operation that it follows.

    The payment's lock is held, so nobody else intends anything about it meanwhile. Raises
    PaymentBusy while an earlier call about the payment is unresolved: what has become of that one
    is found out first.
    """
    if kind != Kind.AUTHORIZE:
        _refuse_beside_unresolved(payment, kind)
    operation_id = new_id()
    n = after.n + 1 if after else 1
    if kind in _MAKE_AN_OBJECT:
        metadata = {
            "order_id": str(payment.order_id),
            "env": settings.CAMPUSG_ENV,
            "operation_id": str(operation_id),
        }
        params = params | {"metadata": metadata}
    operation = Operation.objects.create(
        id=operation_id,
        payment=payment,
        order_id=payment.order_id,
        kind=kind,
        n=n,
        key=f"campusg:{settings.CAMPUSG_ENV}:{payment.order_id}:{kind}:{n}",
        params=params,
        amount=payment.amount if amount is None else amount,
        currency=payment.currency,
        next_try_at=Now() + IN_FLIGHT,
    )
    operation.refresh_from_db(fields=["sent_at"])
    return _call(operation, read_only=False)


def _refuse_beside_unresolved(payment: Payment, kind: Kind) -> None:
    # Of its own kind there is none: the database allows one that has not failed.
    others = Operation.objects.filter(
        payment=payment, state__in=(*UNRESOLVED, OperationState.NEEDS_OPERATOR)
    ).exclude(kind=kind)
    if kind == Kind.VOID:
        # What waits for the card's owner is known, and ends by being cancelled.
        others = others.exclude(state=OperationState.REQUIRES_ACTION)
    for other in others.values_list("kind", flat=True):
        if not any(kind in one and other in two for one in _LEGS for two in _LEGS if one != two):
            raise PaymentBusy(
                f"What became of the {other} of this order is not known; {kind} waits for it."
            )


def repeat(operation: Operation) -> Call:
    """The same call once more: same key, same parameters; only reading when the key can't help."""
    operation.tries += 1
    operation.next_try_at = now_of(operation) + IN_FLIGHT
    operation.save(update_fields=["tries", "next_try_at"])
    return _call(operation, read_only=operation.read_only or age(operation) > KEY_GOOD_FOR)


def look_at(operation: Operation) -> Call:
    """A look, by reading only, that is none of the operation's own tries."""
    return _call(operation, read_only=True)


def look_again(ids: Sequence[UUID]) -> int:
    """Have the janitor find out now what became of these operations, by reading only if a person
    was called for them; how many. What is resolved stays so."""
    now = {"state": OperationState.UNKNOWN, "next_try_at": Now() - timedelta(hours=1)}
    these = Operation.objects.filter(pk__in=ids)
    unknown = these.filter(state=OperationState.UNKNOWN).update(**now)
    parked = these.filter(state=OperationState.NEEDS_OPERATOR).update(**now, read_only=True)
    return unknown + parked


def perform(call: Call) -> Reply:
    """Make the call. Network only; raises RuntimeError inside a transaction."""
    ask, look = _AT_STRIPE[call.kind]
    if call.read_only:
        return look(call.params, str(call.operation_id), call.sent_at)
    return ask(call.key, call.params)


#: How each kind is asked for, and how it is looked for.
_AT_STRIPE: dict[
    Kind,
    tuple[
        Callable[[str, dict[str, Any]], Reply],
        Callable[[dict[str, Any], str, datetime], Reply],
    ],
] = {
    Kind.AUTHORIZE: (gateway.authorize, gateway.find_authorization),
    Kind.VOID: (gateway.void, gateway.find_void),
    Kind.CAPTURE: (gateway.capture, gateway.find_capture),
    Kind.CHARGE: (gateway.charge, gateway.find_charge),
    Kind.REFUND: (gateway.refund, gateway.find_refund),
    Kind.TRANSFER_RESTAURANT: (gateway.transfer, gateway.find_transfer),
    Kind.TRANSFER_RUNNER: (gateway.transfer, gateway.find_transfer),
    Kind.REVERSE_RESTAURANT: (gateway.reverse, gateway.find_reversal),
    Kind.REVERSE_RUNNER: (gateway.reverse, gateway.find_reversal),
}


def save_reply(operation: Operation, reply: Reply) -> bool:
    """Save what is now known; False when the operation was resolved already (a late or second
    reply changes nothing). The payment and the operation are locked."""
    if operation.state not in (*UNRESOLVED, OperationState.NEEDS_OPERATOR):
        return False
    operation.code, operation.message = reply.code[:80], reply.message
    operation.request_id = reply.request_id[:64] or operation.request_id
    match reply.outcome:
        case Outcome.SUCCEEDED:
            _resolve(operation, OperationState.SUCCEEDED, reply.object_id)
        case Outcome.WAITING:
            _await_owner(operation, reply)
        case Outcome.FAILED if reply.may_be_confirmed and _awaits_owner(operation):
            # Their browser can confirm the intent until it is cancelled, which it is in time.
            _await_owner(operation, reply)
        case Outcome.FAILED:
            _resolve(operation, OperationState.FAILED, reply.object_id or None)
        case Outcome.OPERATOR:
            _call_a_person(operation)
        case Outcome.UNKNOWN | Outcome.NOT_RUN:
            if not _awaits_owner(operation):
                operation.state = OperationState.UNKNOWN
            operation.read_only = operation.read_only or reply.read_only
            operation.next_try_at = _next_try(operation, reply)
            if age(operation) > CALL_A_PERSON_AFTER:
                _call_a_person(operation)
    operation.save()
    return True


def age(operation: Operation) -> timedelta:
    """How long ago it was first sent, by the database's clock."""
    return now_of(operation) - operation.sent_at


def overdue(operation: Operation) -> bool:
    """True when an order no longer waits for this outcome."""
    limit = timedelta(seconds=settings.AUTHORIZATION_GIVE_UP_SECONDS)
    return operation.state in UNRESOLVED and age(operation) > limit


def not_confirmed(operation: Operation) -> bool:
    """True when the card's owner has had their time to confirm it."""
    limit = timedelta(seconds=settings.PAYMENT_CONFIRMATION_SECONDS)
    return _awaits_owner(operation) and age(operation) > limit


def now_of(operation: Operation) -> datetime:
    """The database's clock when the operation was locked."""
    now: datetime = operation.db_now  # type: ignore[attr-defined]
    return now


def now() -> datetime:
    """The database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def _resolve(operation: Operation, state: OperationState, stripe_id: str | None) -> None:
    operation.state, operation.stripe_id = state, stripe_id
    operation.next_try_at, operation.resolved_at = None, now_of(operation)


def _awaits_owner(operation: Operation) -> bool:
    return operation.state == OperationState.REQUIRES_ACTION


def _await_owner(operation: Operation, reply: Reply) -> None:
    """An event tells when they have confirmed it; should that be lost, the schedule looks."""
    operation.state, operation.stripe_id = OperationState.REQUIRES_ACTION, reply.object_id
    # Under its key Stripe keeps saying that confirmation is wanted.
    operation.read_only = True
    ends = operation.sent_at + timedelta(seconds=settings.PAYMENT_CONFIRMATION_SECONDS)
    due = _next_try(operation, reply)
    operation.next_try_at = min(due, ends) if now_of(operation) < ends else due


def _call_a_person(operation: Operation) -> None:
    operation.state, operation.next_try_at = OperationState.NEEDS_OPERATOR, None
    log.error(
        "operation %s over %s %s needs a person after %s tries since %s: %s %s (request %s)",
        operation.key, operation.amount, operation.currency, operation.tries, operation.sent_at,
        operation.code, operation.message, operation.request_id or "none",
    )  # fmt: skip


def _next_try(operation: Operation, reply: Reply) -> datetime:
    """A call that was surely not run may be made again soon; one that may have been run follows
    the schedule, measured from its first sending."""
    now, passed = now_of(operation), age(operation)
    if reply.outcome is Outcome.NOT_RUN:
        # Not all at once: whoever was told to slow down was not told so alone.
        backoff = min(60.0, 2.0 ** min(operation.tries - 1, 6))
        return now + scaled(backoff * random.uniform(0.75, 1.25))
    due = next((s for s in SCHEDULE if scaled(s) > passed), None)
    if due is not None:
        return operation.sent_at + scaled(due)
    return max(now + scaled(SCHEDULE[1]), operation.sent_at + CALL_A_PERSON_AFTER)


def scaled(seconds: float) -> timedelta:
    """So many seconds, stretched or shrunk by `STRIPE_RETRY_SCALE`."""
    return timedelta(seconds=seconds * settings.STRIPE_RETRY_SCALE)


def _call(operation: Operation, *, read_only: bool) -> Call:
    return Call(
        operation_id=operation.pk,
        payment_id=operation.payment_id,
        kind=Kind(operation.kind),
        key=operation.key,
        params=operation.params,
        sent_at=operation.sent_at,
        read_only=read_only,
    )
