"""The front door of payments: hold an order's money on its customer's card, take it, let it go.

Each call is *prepared* in one transaction, *made* outside any, and *recorded* in another. Whoever
learns an outcome records it: a step of a saga, the janitor, later a webhook. Paying on and giving
back are next door, in `payouts` and `refunds`.
"""

from collections.abc import Mapping
from typing import TypedDict
from uuid import UUID

from campusg.errors import Refused
from payments import breaker, operations
from payments.errors import (
    NothingHeld,
    OperatorNeeded,
    PaymentBusy,
    PaymentDeclined,
    PaymentNotConfirmed,
    PaymentUnanswered,
)
from payments.gateway import HOLD_STANDS, Reply
from payments.learning import (
    answered,
    learn,
    operator_needed,
    payment_of,
    repeated_or_refused,
    unresolved,
)
from payments.models import (
    UNRESOLVED,
    Kind,
    Operation,
    OperationState,
    Payment,
    PaymentStatus,
)
from payments.money_back import Refund
from payments.operations import Call
from sagas.engine import Again, Unknown, Waiting

perform = operations.perform
seconds_without_stripe = breaker.open_for


class Authorized(TypedDict):
    """What is known once the money is held."""

    payment_id: UUID
    payment_operation_id: UUID


class Captured(TypedDict):
    """What came of taking the money: `captured` minor units, 0 when it could not be taken."""

    captured: int
    stripe_fee: int
    charge: str
    capture_operation_id: UUID


def prepare_authorization(
    *,
    order_id: UUID,
    customer_id: UUID,
    amount: int,
    currency: str,
    stripe_customer: str,
    payment_method: str,
) -> Call | Authorized | Refused | Unknown | Waiting:
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
        "transfer_group": str(order_id),
        "expand": ["latest_charge"],
    }
    return operations.intend(payment, Kind.AUTHORIZE, params, after=operation)


def record_authorization(call: Call, reply: Reply) -> Authorized | Refused | Unknown | Waiting:
    """Save what Stripe answered to an authorization, and say what it means for the order."""
    return _authorization(*learn(call, reply))


def authorization_of(*, order_id: UUID) -> Authorized:
    """The call that holds the order's money on the card now. Raises NothingHeld."""
    payment = payment_of(order_id)
    operation = operations.latest(payment, Kind.AUTHORIZE)
    if payment.status != PaymentStatus.AUTHORIZED or operation is None:
        raise NothingHeld(f"Nothing is held on the card for this order: {payment.status}.")
    return {"payment_id": payment.pk, "payment_operation_id": operation.pk}


def prepare_capture(*, order_id: UUID, amount: int) -> Call | Captured | Refused | Unknown:
    """Write the intention to take `amount` minor units of the hold and release the rest; the call
    to make, or what is known already.

    Raises PaymentBusy while the hold is being given back, and NothingHeld if there never was one.
    A hold that is gone is asked for all the same: Stripe knows best.
    """
    payment = payment_of(order_id)
    operation = operations.latest(payment, Kind.CAPTURE)
    if operation is not None and operation.state == OperationState.SUCCEEDED:
        return _captured(payment, operation)
    if operation is not None and operation.state != OperationState.FAILED:
        return repeated_or_refused(operation)
    if payment.status == PaymentStatus.RELEASING:
        raise PaymentBusy("The hold on the card is being given back.")
    if not payment.payment_intent:
        raise NothingHeld("Nothing is held on the card for this order.")
    payment.status = PaymentStatus.CAPTURING
    payment.save(update_fields=["status"])
    params = {"payment_intent": payment.payment_intent, "amount": amount}
    return operations.intend(payment, Kind.CAPTURE, params, after=operation, amount=amount)


def record_capture(call: Call, reply: Reply) -> Captured | Refused | Unknown | Again:
    """Save what Stripe answered to a capture. A refusal is no refusal here: what was delivered is
    delivered, so it comes out as nothing captured."""
    payment, operation = learn(call, reply)
    match operation.state:
        case OperationState.FAILED if operation.code == HOLD_STANDS:
            return Again()
        case OperationState.SUCCEEDED | OperationState.FAILED:
            return _captured(payment, operation)
        case OperationState.NEEDS_OPERATOR:
            return operator_needed(operation)
        case _:
            return unresolved(operation)


def prepare_release(*, order_id: UUID) -> Call | Refused | None:
    """The call that brings an order closer to holding nothing, or None when it holds nothing.

    An authorization whose outcome is unknown is sent once more under its own key first: then
    either the original is told to us, or ours is the only one there will ever be. Only after
    that is it cancelled. Raises PaymentBusy when the money is being taken or is taken.
    """
    payment = Payment.objects.select_for_update().filter(order_id=order_id).first()
    if payment is None or payment.status in (PaymentStatus.RELEASED, PaymentStatus.LAPSED):
        return None
    authorization = operations.latest(payment, Kind.AUTHORIZE)
    if authorization is None or authorization.state == OperationState.FAILED:
        return None
    if authorization.state == OperationState.NEEDS_OPERATOR:
        return operator_needed(authorization)
    if payment.status not in _RELEASABLE:
        raise PaymentBusy(f"The money of this order can't be released: {payment.status}.")
    if payment.status != PaymentStatus.RELEASING:
        payment.status = PaymentStatus.RELEASING
        payment.save(update_fields=["status"])
    if authorization.state == OperationState.REQUIRES_ACTION:
        return _prepare_void(payment, authorization)
    if authorization.state in UNRESOLVED:
        return None if authorization.watched else operations.repeat(authorization)
    return _prepare_void(payment, authorization)


_RELEASABLE = (PaymentStatus.AUTHORIZING, PaymentStatus.AUTHORIZED, PaymentStatus.RELEASING)


def record_release(call: Call, reply: Reply) -> Mapping | Refused | Unknown | Again:
    """Save what Stripe answered on the way to releasing; an empty mapping once nothing is held."""
    _, operation = learn(call, reply)
    match operation.state, operation.kind:
        case ((OperationState.UNKNOWN | OperationState.SENT), kind):
            if kind == Kind.AUTHORIZE and operations.overdue(operation):
                # The tombstone was sent and not answered. The order must not wait for ever: the
                # janitor goes on asking, and voids whatever turns up.
                operation.watched = True
                operation.save(update_fields=["watched"])
                return {}
            return unresolved(operation)
        case OperationState.NEEDS_OPERATOR, _:
            return operator_needed(operation)
        case OperationState.SUCCEEDED, Kind.VOID:
            return {}
        case OperationState.FAILED, Kind.VOID if operation.code == HOLD_STANDS:
            return Again()
        case OperationState.FAILED, Kind.VOID:
            return OperatorNeeded(f"{operation.key} can't be undone: {operation.message}")
        case _:
            return Again()


def paid_by_card(*, order_id: UUID) -> int:
    """What the order's card has paid and not got back, in minor units; what did not reach it is the
    customer's all the same."""
    came_back = Refund.objects.filter(order_id=order_id, failed_at__isnull=False, was_sent=False)
    paid = Payment.objects.filter(order_id=order_id).values_list(
        "captured_amount", "refunded_amount"
    )
    owed = sum(came_back.values_list("amount", flat=True))
    return sum(captured - refunded for captured, refunded in paid) - owed


def prepare_resolution(*, payment_id: UUID) -> Call | Refused | None:
    """For the janitor: the call that finds out what is unresolved about a payment, or that voids
    what turned up after its order stopped wanting it; None when there is neither."""
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    authorization = operations.latest(payment, Kind.AUTHORIZE)
    releasing = payment.status == PaymentStatus.RELEASING and authorization is not None
    for kind in Kind:
        operation = operations.latest(payment, kind)
        if operation is None or operation.state not in UNRESOLVED:
            continue
        if operation.state != OperationState.REQUIRES_ACTION or not releasing:
            return operations.repeat(operation)
    if not releasing or authorization is None:
        return None
    return _prepare_void(payment, authorization)


def record_resolution(call: Call, reply: Reply) -> bool:
    """Save what was told; True when the payment needs another call."""
    payment, operation = learn(call, reply)
    found = operation.state in (OperationState.SUCCEEDED, OperationState.REQUIRES_ACTION)
    return operation.kind == Kind.AUTHORIZE and found and payment.status == PaymentStatus.RELEASING


def _prepare_void(payment: Payment, authorization: Operation) -> Call | Refused | None:
    void = operations.latest(payment, Kind.VOID)
    if void is not None and void.state == OperationState.SUCCEEDED:
        return None
    if void is not None and void.state != OperationState.FAILED:
        return repeated_or_refused(void)
    params = {"payment_intent": authorization.stripe_id, "cancellation_reason": "abandoned"}
    return operations.intend(payment, Kind.VOID, params, after=void)


def _captured(payment: Payment, operation: Operation) -> Captured:
    return {
        "captured": payment.captured_amount,
        "stripe_fee": payment.stripe_fee,
        "charge": payment.charge,
        "capture_operation_id": operation.pk,
    }


def _authorization(
    payment: Payment, operation: Operation
) -> Authorized | Refused | Unknown | Waiting:
    match operation.state:
        case OperationState.SUCCEEDED:
            return {"payment_id": payment.pk, "payment_operation_id": operation.pk}
        case OperationState.FAILED:
            return PaymentDeclined(operation.message)
        case OperationState.NEEDS_OPERATOR:
            return operator_needed(operation)
        case OperationState.REQUIRES_ACTION if operations.not_confirmed(operation):
            return PaymentNotConfirmed("The payment was not confirmed in time.")
        case OperationState.REQUIRES_ACTION:
            assert operation.next_try_at is not None, "the schedule looks all the same"
            return Waiting(answered(operation.pk), operation.next_try_at)
        case _ if operations.overdue(operation):
            return PaymentUnanswered(
                f"Stripe has not answered {operation.key} for "
                f"{int(operations.age(operation).total_seconds())} s; the order can't wait longer."
            )
        case _:
            return unresolved(operation)


def _locked_or_new(order_id: UUID, customer_id: UUID, amount: int, currency: str) -> Payment:
    Payment.objects.bulk_create(
        [Payment(order_id=order_id, customer_id=customer_id, amount=amount, currency=currency)],
        ignore_conflicts=True,
    )
    return Payment.objects.select_for_update().get(order_id=order_id)
