"""What a card still owes after it refused the capture: charged anew, or borne by the platform."""

from typing import TypedDict
from uuid import UUID

from campusg.errors import Refused
from payments import operations
from payments.errors import PaymentBusy, PaymentDeclined
from payments.gateway import Reply
from payments.learning import (
    learn,
    operator_needed,
    payment_of,
    repeated_or_refused,
    unresolved,
)
from payments.models import Kind, Operation, OperationState, Payment, PaymentStatus
from payments.operations import Call
from sagas.engine import Unknown

#: The card paid nothing and holds nothing.
_OWES = (PaymentStatus.RELEASED, PaymentStatus.LAPSED)


class Collected(TypedDict):
    """What the card came to pay after all, in minor units; nothing when the platform bears it."""

    collected: int
    collection_fee: int
    collection_id: UUID | None


def prepare_charge(
    *, order_id: UUID, amount: int, stripe_customer: str, payment_method: str
) -> Call | Collected | Refused:
    """Write the intention to take `amount` minor units from the saved card, its customer not there.

    Raises PaymentBusy unless the card holds nothing and has paid nothing.
    """
    payment = payment_of(order_id)
    operation = operations.latest(payment, Kind.CHARGE)
    if operation is not None and operation.state == OperationState.SUCCEEDED:
        return _collected(payment, operation)
    if operation is not None and operation.state != OperationState.FAILED:
        return repeated_or_refused(operation)
    _refuse_unless_owed(payment)
    payment.status = PaymentStatus.CAPTURING
    payment.save(update_fields=["status"])
    params = {
        "amount": amount,
        "currency": payment.currency.lower(),
        "customer": stripe_customer,
        "payment_method": payment_method,
        "allowed_payment_method_types": ["card"],
        "confirm": True,
        "off_session": True,
        "transfer_group": str(order_id),
        "expand": ["latest_charge.balance_transaction"],
    }
    return operations.intend(payment, Kind.CHARGE, params, after=operation, amount=amount)


def record_charge(call: Call, reply: Reply) -> Collected | Refused | Unknown:
    """Save what Stripe answered to a charge."""
    payment, operation = learn(call, reply)
    match operation.state:
        case OperationState.SUCCEEDED:
            return _collected(payment, operation)
        case OperationState.FAILED:
            return PaymentDeclined(operation.message)
        case OperationState.NEEDS_OPERATOR:
            return operator_needed(operation)
        case _:
            return unresolved(operation)


def write_off(*, order_id: UUID) -> Collected:
    """Ask nothing more of the card: the platform bears it. A second time changes nothing.

    Raises PaymentBusy unless the card holds nothing and has paid nothing.
    """
    payment = payment_of(order_id)
    if payment.status != PaymentStatus.WRITTEN_OFF:
        _refuse_unless_owed(payment)
        payment.status = PaymentStatus.WRITTEN_OFF
        payment.save(update_fields=["status"])
    return {"collected": 0, "collection_fee": 0, "collection_id": None}


def _refuse_unless_owed(payment: Payment) -> None:
    if payment.status not in _OWES:
        raise PaymentBusy(f"The card owes nothing that could be settled: {payment.status}.")


def _collected(payment: Payment, operation: Operation) -> Collected:
    return {
        "collected": payment.captured_amount,
        "collection_fee": payment.stripe_fee,
        "collection_id": operation.pk,
    }
