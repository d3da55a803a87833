"""Giving captured money back to the card, and settling what a cancelled order's card pays."""

from typing import TypedDict
from uuid import UUID

from campusg.errors import Refused
from payments import operations
from payments.disputes import refuse_disputed
from payments.errors import NothingToRefund, OperatorNeeded, PaymentBusy, PaymentDisputed
from payments.gateway import HOLD_STANDS, Reply
from payments.learning import (
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
from payments.operations import Call
from payments.services import prepare_capture, prepare_release
from sagas.engine import Again, Unknown


class Refunded(TypedDict):
    """The call that gave the money back, and how much, in minor units; or `refund_failed`, and the
    customer is owed it."""

    refunded: int
    refund_operation_id: UUID
    refund_failed: bool


class Settled(TypedDict):
    """What a cancelled order's card came to pay, in minor units, and the call that decided it; of
    what was refunded, whether it did not reach the card."""

    captured: int
    refunded: int
    stripe_fee: int
    settlement_operation_id: UUID
    refund_failed: bool


def begin_refund(*, order_id: UUID) -> int:
    """Stop paying the order's money on, because it goes back; how many minor units.

    Raises NothingToRefund, PaymentDisputed when the bank sees to it, and PaymentBusy while a call
    about the money is unanswered.
    """
    payment = payment_of(order_id)
    refuse_disputed(payment)
    if Operation.objects.filter(payment=payment, state__in=UNRESOLVED).exists():
        raise PaymentBusy("A call about this order's money is under way; try again in a moment.")
    if payment.status not in (PaymentStatus.CAPTURED, PaymentStatus.REFUNDING):
        raise NothingToRefund(f"There is nothing to give back: {payment.status}.")
    payment.status = PaymentStatus.REFUNDING
    payment.save(update_fields=["status"])
    return payment.captured_amount


def stop_refund(*, order_id: UUID) -> None:
    """Let the order's money be paid on after all."""
    Payment.objects.filter(order_id=order_id, status=PaymentStatus.REFUNDING).update(
        status=PaymentStatus.CAPTURED
    )


def prepare_refund(*, order_id: UUID, amount: int) -> Call | Refunded | Refused:
    """Write the intention to give `amount` minor units back; at most once an order. One that Stripe
    took on and that came to nothing is not made again: the card can't take it."""
    payment = payment_of(order_id)
    operation = operations.latest(payment, Kind.REFUND)
    if operation is not None and (
        operation.state == OperationState.SUCCEEDED or _came_back(operation)
    ):
        return _refunded(operation)
    if operation is not None and operation.state != OperationState.FAILED:
        return repeated_or_refused(operation)
    try:
        refuse_disputed(payment)
    except PaymentDisputed as disputed:
        # Disputed since it was decided. What was taken back for it already a person has to see to.
        return OperatorNeeded(str(disputed))
    params = {"payment_intent": payment.payment_intent, "amount": amount}
    return operations.intend(payment, Kind.REFUND, params, after=operation, amount=amount)


def record_refund(call: Call, reply: Reply) -> Refunded | Refused | Unknown:
    """Save what Stripe answered to a refund; one that waits at Stripe is looked into again."""
    _, operation = learn(call, reply)
    match operation.state:
        case OperationState.SUCCEEDED:
            return _refunded(operation)
        case OperationState.FAILED if _came_back(operation):
            return _refunded(operation)
        case OperationState.FAILED:
            return OperatorNeeded(f"{operation.key} was refused: {operation.message}")
        case OperationState.NEEDS_OPERATOR:
            return operator_needed(operation)
        case _:
            return unresolved(operation)


def prepare_settlement(*, order_id: UUID, due: int) -> Call | Settled | Refused | Unknown | None:
    """The next call that brings a cancelled order's card to having paid `due` minor units, or
    what it has paid: a hold is voided, or captured in part; of a captured sum the rest goes back.

    The choice is read off the payment under its lock and committed with the operation. Should
    Stripe say that the state moved, it is made again from what is then known.
    """
    payment = payment_of(order_id)
    if payment.captured_amount:
        too_much = payment.captured_amount - due - payment.refunded_amount
        call = prepare_refund(order_id=order_id, amount=too_much) if too_much else None
        return call if isinstance(call, Call | Refused) else _settled(payment)
    if payment.status == PaymentStatus.CAPTURING or (due and _may_capture(payment)):
        capture = prepare_capture(order_id=order_id, amount=due)
        return capture if isinstance(capture, Call | Refused) else _settled(payment)
    return prepare_release(order_id=order_id) or _settled(payment)


def record_settlement(call: Call, reply: Reply) -> Refused | Unknown | Again:
    """Save what Stripe answered on the way to a settlement, and look what is left to do."""
    _, operation = learn(call, reply)
    if operation.state in UNRESOLVED:
        return unresolved(operation)
    if operation.state == OperationState.NEEDS_OPERATOR:
        return operator_needed(operation)
    refused = operation.state == OperationState.FAILED and not _came_back(operation)
    if refused and operation.kind == Kind.REFUND:
        return OperatorNeeded(f"{operation.key} was refused: {operation.message}")
    return Again()


def _may_capture(payment: Payment) -> bool:
    """Held, and no bank has said no to taking it: a refused capture is not insisted on."""
    refused = operations.latest(payment, Kind.CAPTURE)
    insist = refused is None or refused.code == HOLD_STANDS
    return payment.status == PaymentStatus.AUTHORIZED and insist


def _refunded(operation: Operation) -> Refunded:
    return {
        "refunded": operation.amount,
        "refund_operation_id": operation.pk,
        "refund_failed": operation.state == OperationState.FAILED,
    }


def _came_back(operation: Operation) -> bool:
    """Stripe took it on, and it did not reach the card."""
    return operation.state == OperationState.FAILED and bool(operation.stripe_id)


def _settled(payment: Payment) -> Settled:
    last = payment.operations.order_by("-id").values_list("id", flat=True)[0]
    refund = operations.latest(payment, Kind.REFUND)
    return {
        "captured": payment.captured_amount,
        "refunded": refund.amount if refund else 0,
        "stripe_fee": payment.stripe_fee,
        "settlement_operation_id": last,
        "refund_failed": refund is not None and _came_back(refund),
    }
