"""What an answered operation changes about its payment, and what an unanswered one means."""

from uuid import UUID

from django.db.models.functions import Now

from events.services import record as record_event
from payments import failed_refunds, operations
from payments.errors import NothingHeld, OperatorNeeded
from payments.gateway import HOLD_LAPSED, HOLD_STANDS, Reply
from payments.models import (
    UNRESOLVED,
    HeldPayout,
    Kind,
    Operation,
    OperationState,
    Payment,
    PaymentStatus,
)
from payments.money_back import RefundStatus
from payments.operations import Call
from sagas.engine import Unknown

#: A capture refused with one of these found no hold any more.
HOLD_GONE = (
    "hold_gone", "charge_expired_for_capture", "capture_charge_authorization_expired",
)  # fmt: skip


def payment_of(order_id: UUID) -> Payment:
    """The order's payment, locked: one call about it at a time. Raises NothingHeld."""
    payment = Payment.objects.select_for_update().filter(order_id=order_id).first()
    if payment is None:
        raise NothingHeld("Nothing was ever held for this order.")
    return payment


def learn(call: Call, reply: Reply) -> tuple[Payment, Operation]:
    """Save a reply and its effect on the payment, once, with its event in the same transaction.
    Whoever learns an outcome calls this: a step of a saga, or the janitor."""
    payment = Payment.objects.select_for_update().get(pk=call.payment_id)
    operation = (
        Operation.objects.select_for_update().annotate(db_now=Now()).get(pk=call.operation_id)
    )
    if operations.save_reply(operation, reply):
        event = _apply(payment, operation, reply)
        payment.save()
        if operation.kind == Kind.REFUND and reply.object_id:
            failed_refunds.keep(operation, reply.object_id, *_fate(operation, reply))
        if event:
            data = {
                "payment_id": str(payment.pk),
                "customer_id": payment.customer_id,
                "amount": operation.amount,
                "currency": payment.currency,
            }
            record_event(type=event, order_id=payment.order_id, data=data)
    return payment, operation


def unresolved(operation: Operation) -> Unknown:
    """The outcome is not known; look again when the operation is due."""
    why = f"{operation.key}: {operation.code} {operation.message}".strip()
    when = operation.next_try_at or operations.now_of(operation)
    return Unknown(when, why, answered(operation.pk))


def answered(operation_id: UUID) -> str:
    """The signal that an operation's outcome was learnt by somebody else than the run that waits
    for it."""
    return f"operation:{operation_id}"


def confirmation_of(payment: Payment) -> str:
    """The intent that the card's owner has to confirm; empty when nobody waits for them."""
    waiting = Operation.objects.filter(payment=payment, state=OperationState.REQUIRES_ACTION)
    return waiting.values_list("stripe_id", flat=True).first() or ""


def operator_needed(operation: Operation) -> OperatorNeeded:
    """Only a person can say what this means."""
    return OperatorNeeded(f"{operation.key} needs a person: {operation.message}")


def repeated_or_refused(operation: Operation) -> Call | OperatorNeeded:
    """An operation that is not resolved: the same call once more, or a person."""
    if operation.state in UNRESOLVED:
        return operations.repeat(operation)
    return operator_needed(operation)


def _apply(payment: Payment, operation: Operation, reply: Reply) -> str:
    """Change the payment; the name of the event that this is, if it is one."""
    match operation.kind, operation.state:
        case Kind.AUTHORIZE, OperationState.SUCCEEDED:
            payment.payment_intent = operation.stripe_id or ""
            payment.capture_before = reply.capture_before
            payment.authorized_at = operation.resolved_at
            if payment.status == PaymentStatus.AUTHORIZING:
                payment.status = PaymentStatus.AUTHORIZED
            return "payment.authorized"
        case Kind.AUTHORIZE, OperationState.FAILED:
            payment.status, payment.failed_at = PaymentStatus.FAILED, operation.resolved_at
        case Kind.VOID, OperationState.SUCCEEDED:
            return _voided(payment, operation)
        case ((Kind.CAPTURE | Kind.CHARGE), OperationState.SUCCEEDED):
            payment.status, payment.captured_at = PaymentStatus.CAPTURED, operation.resolved_at
            # A charge made an intent of its own; what is given back later is given back of that.
            payment.payment_intent = operation.stripe_id or ""
            payment.captured_amount = operation.amount
            payment.charge, payment.stripe_fee = reply.charge, reply.stripe_fee
            return "payment.captured"
        case Kind.CAPTURE, OperationState.FAILED:
            return _not_captured(payment, operation)
        case Kind.CHARGE, OperationState.FAILED:
            payment.status = _nothing_held(payment)
            return "payment.capture_failed"
        case Kind.REFUND, OperationState.FAILED if operation.stripe_id:
            # Stripe took it on, and it did not reach the card.
            payment.status = PaymentStatus.REFUND_FAILED
        case Kind.REFUND, OperationState.SUCCEEDED:
            payment.refunded_amount += operation.amount
            payment.refunded_at = operation.resolved_at
            whole = payment.refunded_amount == payment.captured_amount
            payment.status = PaymentStatus.REFUNDED if whole else PaymentStatus.PARTLY_REFUNDED
            if whole:
                HeldPayout.objects.filter(payment=payment, ended_at=None).update(ended_at=Now())
            return "payment.refunded"
    return ""


def _fate(operation: Operation, reply: Reply) -> tuple[RefundStatus, str]:
    match operation.state:
        case OperationState.SUCCEEDED:
            return RefundStatus.SUCCEEDED, ""
        case OperationState.FAILED:
            return RefundStatus.FAILED, reply.code
        case _:
            return RefundStatus.PENDING, ""


def _voided(payment: Payment, operation: Operation) -> str:
    """The hold is gone; or, if the card's owner never confirmed it, there never was one."""
    waiting = Operation.objects.filter(
        payment=payment, kind=Kind.AUTHORIZE, state=OperationState.REQUIRES_ACTION
    )
    if waiting.update(
        state=OperationState.FAILED, code="not_confirmed", next_try_at=None, resolved_at=Now()
    ):
        payment.status, payment.failed_at = PaymentStatus.FAILED, operation.resolved_at
        return ""
    if operation.code == HOLD_LAPSED and not payment.lapsed_at:
        payment.status, payment.lapsed_at = PaymentStatus.LAPSED, operation.resolved_at
        return "payment.lapsed"
    payment.status, payment.released_at = PaymentStatus.RELEASED, operation.resolved_at
    return "payment.released"


def _not_captured(payment: Payment, operation: Operation) -> str:
    if operation.code not in HOLD_GONE:
        payment.status = PaymentStatus.AUTHORIZED
        return "" if operation.code == HOLD_STANDS else "payment.capture_failed"
    if not payment.released_at:
        payment.lapsed_at = operation.resolved_at
    payment.status = _nothing_held(payment)
    return "payment.capture_failed"


def _nothing_held(payment: Payment) -> PaymentStatus:
    return PaymentStatus.RELEASED if payment.released_at else PaymentStatus.LAPSED
