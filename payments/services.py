"""The front door of payments: hold an order's money on its customer's card, and give it back.

Each of the two is *prepared* in one transaction, *called* outside any, and *recorded* in another.
Whoever learns an outcome records it: a step of a saga, the janitor, later a webhook.
"""

from collections.abc import Mapping
from typing import TypedDict
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from campusg.errors import Refused
from events.services import record as record_event
from payments import operations
from payments.errors import OperatorNeeded, PaymentDeclined, PaymentUnanswered
from payments.gateway import HOLD_STANDS, Reply
from payments.models import (
    UNRESOLVED,
    Kind,
    Operation,
    OperationState,
    Payment,
    PaymentStatus,
)
from payments.operations import Call
from sagas.engine import Again, Unknown

perform = operations.perform


class Authorized(TypedDict):
    """What is known once the money is held."""

    payment_id: UUID
    payment_operation_id: UUID


def prepare_authorization(
    *,
    order_id: UUID,
    customer_id: UUID,
    amount: int,
    currency: str,
    stripe_customer: str,
    payment_method: str,
) -> Call | Authorized | Refused | Unknown:
    """Write the intention to hold `amount` minor units; the call to make, or what is known already.

    An unresolved operation comes back as it is, key and parameters unchanged; only after a
    definitive failure does a new one get the next number.
    """
    payment = _locked_or_new(order_id, customer_id, amount, currency)
    operation = operations.latest(payment, Kind.AUTHORIZE)
    if operation is not None and operation.state != OperationState.FAILED:
        if operation.state in UNRESOLVED:
            return operations.repeat(operation)
        return _authorization(payment, operation)
    payment.status = PaymentStatus.AUTHORIZING
    payment.save(update_fields=["status"])
    params = {
        "amount": amount,
        "currency": currency.lower(),
        "customer": stripe_customer,
        "payment_method": payment_method,
        "allowed_payment_method_types": ["card"],
        "capture_method": "manual",
        "confirm": True,
        # A card that wants its owner's confirmation is declined here and now.
        "error_on_requires_action": True,
        "transfer_group": str(order_id),
        "metadata": {"order_id": str(order_id), "env": settings.CAMPUSG_ENV},
        "expand": ["latest_charge"],
    }
    return operations.intend(payment, Kind.AUTHORIZE, params, operation.n + 1 if operation else 1)


def record_authorization(call: Call, reply: Reply) -> Authorized | Refused | Unknown:
    """Save what Stripe answered to an authorization, and say what it means for the order."""
    payment, operation = _locked(call)
    _learn(payment, operation, reply)
    return _authorization(payment, operation)


def prepare_release(*, order_id: UUID) -> Call | Refused | None:
    """The call that brings an order closer to holding nothing, or None when it holds nothing.

    An authorization whose outcome is unknown is sent once more under its own key first: then
    either the original is told to us, or ours is the only one there will ever be. Only after
    that is it cancelled.
    """
    payment = Payment.objects.select_for_update().filter(order_id=order_id).first()
    if payment is None or payment.status == PaymentStatus.RELEASED:
        return None
    authorization = operations.latest(payment, Kind.AUTHORIZE)
    if authorization is None or authorization.state == OperationState.FAILED:
        return None
    if authorization.state == OperationState.NEEDS_OPERATOR:
        return _operator_needed(authorization)
    if payment.status != PaymentStatus.RELEASING:
        payment.status = PaymentStatus.RELEASING
        payment.save(update_fields=["status"])
    if authorization.state in UNRESOLVED:
        return None if authorization.watched else operations.repeat(authorization)
    return _prepare_void(payment, authorization)


def record_release(call: Call, reply: Reply) -> Mapping | Refused | Unknown | Again:
    """Save what Stripe answered on the way to releasing; an empty mapping once nothing is held."""
    payment, operation = _locked(call)
    _learn(payment, operation, reply)
    match operation.state, operation.kind:
        case ((OperationState.UNKNOWN | OperationState.SENT), kind):
            if kind == Kind.AUTHORIZE and operations.overdue(operation):
                # The tombstone was sent and not answered. The order must not wait for ever: the
                # janitor goes on asking, and voids whatever turns up.
                operation.watched = True
                operation.save(update_fields=["watched"])
                return {}
            return _unresolved(operation)
        case OperationState.NEEDS_OPERATOR, _:
            return _operator_needed(operation)
        case OperationState.SUCCEEDED, Kind.VOID:
            return {}
        case OperationState.FAILED, Kind.VOID if operation.code == HOLD_STANDS:
            return Again()
        case OperationState.FAILED, Kind.VOID:
            return OperatorNeeded(f"{operation.key} can't be undone: {operation.message}")
        case _:
            return Again()


def prepare_resolution(*, payment_id: UUID) -> Call | Refused | None:
    """For the janitor: the call that finds out what is unresolved about a payment, or that voids
    what turned up after its order stopped wanting it; None when there is neither."""
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    for kind in (Kind.AUTHORIZE, Kind.VOID):
        operation = operations.latest(payment, kind)
        if operation is not None and operation.state in UNRESOLVED:
            return operations.repeat(operation)
    authorization = operations.latest(payment, Kind.AUTHORIZE)
    if payment.status != PaymentStatus.RELEASING or authorization is None:
        return None
    return _prepare_void(payment, authorization)


def record_resolution(call: Call, reply: Reply) -> bool:
    """Save what the janitor was told; True when the payment needs another call."""
    payment, operation = _locked(call)
    _learn(payment, operation, reply)
    found = (operation.kind, operation.state) == (Kind.AUTHORIZE, OperationState.SUCCEEDED)
    return found and payment.status == PaymentStatus.RELEASING


def _prepare_void(payment: Payment, authorization: Operation) -> Call | Refused | None:
    void = operations.latest(payment, Kind.VOID)
    if void is not None and void.state in UNRESOLVED:
        return operations.repeat(void)
    if void is not None and void.state == OperationState.SUCCEEDED:
        return None
    if void is not None and void.state == OperationState.NEEDS_OPERATOR:
        return _operator_needed(void)
    params = {"payment_intent": authorization.stripe_id, "cancellation_reason": "abandoned"}
    return operations.intend(payment, Kind.VOID, params, void.n + 1 if void else 1)


def _learn(payment: Payment, operation: Operation, reply: Reply) -> None:
    """The reply's effect on operation and payment, once, with its event in the same transaction."""
    if not operations.save_reply(operation, reply):
        return
    data = {"payment_id": str(payment.pk), "amount": payment.amount, "currency": payment.currency}
    if operation.kind == Kind.AUTHORIZE and operation.state == OperationState.SUCCEEDED:
        payment.payment_intent = operation.stripe_id or ""
        payment.capture_before = reply.capture_before
        payment.authorized_at = operation.resolved_at
        if payment.status == PaymentStatus.AUTHORIZING:
            payment.status = PaymentStatus.AUTHORIZED
        record_event(type="payment.authorized", order_id=payment.order_id, data=data)
    elif operation.kind == Kind.AUTHORIZE and operation.state == OperationState.FAILED:
        payment.status, payment.failed_at = PaymentStatus.FAILED, operation.resolved_at
    elif operation.kind == Kind.VOID and operation.state == OperationState.SUCCEEDED:
        payment.status, payment.released_at = PaymentStatus.RELEASED, operation.resolved_at
        record_event(type="payment.released", order_id=payment.order_id, data=data)
    payment.save()


def _authorization(payment: Payment, operation: Operation) -> Authorized | Refused | Unknown:
    match operation.state:
        case OperationState.SUCCEEDED:
            return {"payment_id": payment.pk, "payment_operation_id": operation.pk}
        case OperationState.FAILED:
            return PaymentDeclined(operation.message)
        case OperationState.NEEDS_OPERATOR:
            return _operator_needed(operation)
        case _ if operations.overdue(operation):
            return PaymentUnanswered(
                f"Stripe has not answered {operation.key} for "
                f"{int(operations.age(operation).total_seconds())} s; the order can't wait longer."
            )
        case _:
            return _unresolved(operation)


def _unresolved(operation: Operation) -> Unknown:
    why = f"{operation.key}: {operation.code} {operation.message}".strip()
    return Unknown(operation.next_try_at or operations.now_of(operation), why)


def _operator_needed(operation: Operation) -> OperatorNeeded:
    return OperatorNeeded(f"{operation.key} needs a person: {operation.message}")


def _locked(call: Call) -> tuple[Payment, Operation]:
    payment = Payment.objects.select_for_update().get(pk=call.payment_id)
    operation = Operation.objects.select_for_update().annotate(db_now=Now())
    return payment, operation.get(pk=call.operation_id)


def _locked_or_new(order_id: UUID, customer_id: UUID, amount: int, currency: str) -> Payment:
    Payment.objects.bulk_create(
        [Payment(order_id=order_id, customer_id=customer_id, amount=amount, currency=currency)],
        ignore_conflicts=True,
    )
    return Payment.objects.select_for_update().get(order_id=order_id)
