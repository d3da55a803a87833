"""Paying a captured payment on to restaurant and runner, each leg alone, and taking it back."""

from typing import TypedDict
from uuid import UUID

from campusg.errors import Refused
from payments import operations
from payments.errors import OperatorNeeded, PaymentBusy, PayoutOff
from payments.gateway import Reply
from payments.learning import (
    learn,
    operator_needed,
    payment_of,
    repeated_or_refused,
    unresolved,
)
from payments.models import Leg as Leg
from payments.models import Operation, OperationState, Payment, PaymentStatus
from payments.operations import Call
from sagas.engine import Unknown, Waiting

#: The signal for which an unpaid payee's run waits.
ACCOUNT_UPDATED = "payout_account.updated"
DAY, HOUR = 86_400, 3600
#: Refused for now: what is waited for, and after how many seconds it is tried again all the same.
#: https://docs.stripe.com/connect/account-capabilities#transfers
HELD = {
    "insufficient_capabilities_for_transfer": (ACCOUNT_UPDATED, DAY),
    "transfers_not_allowed": (ACCOUNT_UPDATED, DAY),
    "balance_insufficient": ("balance.available", HOUR),
}
_PAYS = (PaymentStatus.CAPTURED, PaymentStatus.PARTLY_REFUNDED, PaymentStatus.WRITTEN_OFF)
#: Taking money back may fail for good only because the account no longer has it.
_CANNOT_PAY_BACK = ("balance_insufficient", "account_invalid", "account_closed", "no_account")


class Transferred(TypedDict):
    """The call that paid, and how many minor units; none when there was nothing to send."""

    transfer_operation_id: UUID | None
    sent: int


class Reversed(TypedDict):
    """Of a leg's pay, in minor units: what came back, and what the payee still owes."""

    reversed: int
    owed: int
    operation_id: UUID | None


def wait_for_account(*, order_id: UUID) -> Waiting:
    """There is no account that may be paid now: wait to be told of one, and look every day.

    Raises PayoutOff when there is nothing to wait for: the customer gets the money back.
    """
    _refuse_if_off(payment_of(order_id))
    return Waiting(ACCOUNT_UPDATED, operations.now() + operations.scaled(DAY))


def prepare_transfer(
    *, order_id: UUID, leg: Leg, destination: str, amount: int
) -> Call | Transferred | Refused:
    """Write the intention to pay `amount` minor units of the capture to a connected account; of
    what is written off, out of the platform's own balance.

    Raises PayoutOff when the customer gets the money back instead, PaymentBusy before there is
    any.
    """
    payment = payment_of(order_id)
    operation = operations.latest(payment, leg.transfer)
    if operation is not None and operation.state == OperationState.SUCCEEDED:
        return _sent(operation)
    if operation is not None and operation.state != OperationState.FAILED:
        return repeated_or_refused(operation)
    _refuse_if_off(payment)
    if payment.status not in _PAYS:
        raise PaymentBusy("The money of this order is not taken yet.")
    if not amount:
        return {"transfer_operation_id": None, "sent": 0}
    params = {
        "amount": amount,
        "currency": payment.currency.lower(),
        "destination": destination,
        "transfer_group": str(order_id),
    }
    if payment.charge:
        params["source_transaction"] = payment.charge
    return operations.intend(payment, leg.transfer, params, after=operation, amount=amount)


def record_transfer(call: Call, reply: Reply) -> Transferred | Refused | Unknown | Waiting:
    """Save what Stripe answered to a transfer; a payee who can't be paid now is waited for."""
    _, operation = learn(call, reply)
    match operation.state:
        case OperationState.SUCCEEDED:
            return _sent(operation)
        case OperationState.FAILED if operation.code in HELD:
            signal, seconds = HELD[operation.code]
            until = operations.now_of(operation) + operations.scaled(seconds)
            return Waiting(signal, until)
        case OperationState.FAILED:
            return OperatorNeeded(f"{operation.key} was refused: {operation.message}")
        case OperationState.NEEDS_OPERATOR:
            return operator_needed(operation)
        case _:
            return unresolved(operation)


def prepare_reversal(*, order_id: UUID, leg: Leg) -> Call | Reversed | Refused:
    """Write the intention to take a leg's pay back; what is known already if it was not paid."""
    payment = payment_of(order_id)
    paid = operations.latest(payment, leg.transfer)
    if paid is None or paid.state != OperationState.SUCCEEDED:
        return {"reversed": 0, "owed": 0, "operation_id": None}
    operation = operations.latest(payment, leg.reversal)
    if operation is not None and operation.state == OperationState.SUCCEEDED:
        return {"reversed": operation.amount, "owed": 0, "operation_id": operation.pk}
    if operation is not None and operation.state != OperationState.FAILED:
        return repeated_or_refused(operation)
    params = {"transfer": paid.stripe_id, "amount": paid.amount}
    return operations.intend(payment, leg.reversal, params, after=operation, amount=paid.amount)


def record_reversal(call: Call, reply: Reply) -> Reversed | Refused | Unknown:
    """Save what Stripe answered to a reversal. An account without the money owes it."""
    _, operation = learn(call, reply)
    match operation.state:
        case OperationState.SUCCEEDED:
            return {"reversed": operation.amount, "owed": 0, "operation_id": operation.pk}
        case OperationState.FAILED if operation.code in _CANNOT_PAY_BACK:
            return {"reversed": 0, "owed": operation.amount, "operation_id": None}
        case OperationState.FAILED:
            return OperatorNeeded(f"{operation.key} was refused: {operation.message}")
        case OperationState.NEEDS_OPERATOR:
            return operator_needed(operation)
        case _:
            return unresolved(operation)


def _sent(operation: Operation) -> Transferred:
    return {"transfer_operation_id": operation.pk, "sent": operation.amount}


def _refuse_if_off(payment: Payment) -> None:
    if payment.status in (PaymentStatus.REFUNDING, PaymentStatus.REFUNDED):
        raise PayoutOff("The customer gets the money of this order back.")
