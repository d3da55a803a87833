"""Paying a captured payment on to restaurant and runner, each leg alone, and taking it back."""

from datetime import timedelta
from typing import NamedTuple, TypedDict
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from campusg.errors import Refused
from events.services import record
from payments import operations
from payments.disputes import blocking, is_withheld, undisputed
from payments.errors import OperatorNeeded, PaymentBusy, PayoutOff
from payments.gateway import Reply
from payments.learning import (
    learn,
    operator_needed,
    payment_of,
    repeated_or_refused,
    unresolved,
)
from payments.models import HeldPayout, Operation, OperationState, Payment, PaymentStatus
from payments.models import Leg as Leg
from payments.operations import Call
from sagas.engine import Unknown, Waiting

#: The signal for which an unpaid payee's run waits.
ACCOUNT_UPDATED = "payout_account.updated"
DAY, HOUR = 86_400, 3600


class Held(NamedTuple):
    """What a payee waits for, the signal that tells of it, and how often it is looked at anyhow."""

    waits_for: str
    signal: str
    seconds: int


#: Refused for now: what is waited for, and after how many seconds it is tried again all the same.
#: https://docs.stripe.com/connect/account-capabilities#transfers
ACCOUNT = Held("account", ACCOUNT_UPDATED, DAY)
HELD = {
    "insufficient_capabilities_for_transfer": ACCOUNT,
    "transfers_not_allowed": ACCOUNT,
    "balance_insufficient": Held("balance", "balance.available", HOUR),
}
_PAYS = (PaymentStatus.CAPTURED, PaymentStatus.PARTLY_REFUNDED, PaymentStatus.WRITTEN_OFF)
_OFF = (
    PaymentStatus.REFUNDING,
    PaymentStatus.REFUNDED,
    PaymentStatus.REFUND_FAILED,
    PaymentStatus.REPAID,
)
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


def wait_for_account(
    *, order_id: UUID, leg: Leg, amount: int, why: str
) -> Waiting | OperatorNeeded:
    """There is no account that may be paid now: wait to be told of one, and look every day; a
    person after `PAYOUT_HELD_MAX_SECONDS`.

    Raises PayoutOff when there is nothing to wait for: the customer gets the money back.
    """
    payment = payment_of(order_id)
    _refuse_if_off(payment)
    return hold_back(payment, leg, amount, ACCOUNT, why)


def never_to_be_paid(*, order_id: UUID, leg: Leg, why: str) -> OperatorNeeded:
    """The account is gone. What is owed is sent to no other that nobody has named.

    Raises PayoutOff when it is not owed any more.
    """
    _refuse_if_off(payment_of(order_id))
    return OperatorNeeded(
        f"The {leg} can't be paid: {why} Once they have another account (PUT"
        " /api/users/…/payout-account, or the onboarding link), this run goes on by itself."
    )


def hold_back(
    payment: Payment, leg: Leg, amount: int, held: Held, why: str
) -> Waiting | OperatorNeeded:
    """Note that a leg can't be paid now, and wait; records `payout.held` the first time. After
    `PAYOUT_HELD_MAX_SECONDS` a person looks at it. The payment is locked."""
    row, first = HeldPayout.objects.get_or_create(
        payment=payment,
        leg=leg,
        defaults={
            "order_id": payment.order_id,
            "amount": amount,
            "currency": payment.currency,
            "waits_for": held.waits_for,
            "reason": why,
        },
    )
    if first:
        _tell_of_holding(payment, leg, amount, held, why)
    else:
        HeldPayout.objects.filter(pk=row.pk).update(
            waits_for=held.waits_for, reason=why, ended_at=None
        )
        row.refresh_from_db(fields=["since"])
    now = operations.now()
    # A bank takes months to decide, and there is nothing that a person could do meanwhile.
    if held.waits_for != "dispute" and now - row.since > timedelta(
        seconds=settings.PAYOUT_HELD_MAX_SECONDS
    ):
        return OperatorNeeded(f"The {leg} is waiting to be paid since {row.since:%Y-%m-%d}: {why}")
    return Waiting(held.signal, now + operations.scaled(held.seconds))


def _tell_of_holding(payment: Payment, leg: Leg, amount: int, held: Held, why: str) -> None:
    record(
        type="payout.held",
        order_id=payment.order_id,
        data={
            "payable": f"{leg}_payable",
            "amount": amount,
            "currency": payment.currency,
            "waits_for": held.waits_for,
            "reason": why,
        },
    )


def wait_for_verdict(*, order_id: UUID, leg: Leg, amount: int) -> Waiting | OperatorNeeded | None:
    """Disputed money is paid on to nobody: wait for the bank; once it is lost, a person decides.
    None when there is no dispute, or the leg is on its way already.

    Raises PayoutOff when there is nothing to wait for.
    """
    payment = payment_of(order_id)
    sent = operations.latest(payment, leg.transfer)
    dispute = blocking(payment)
    if dispute is None or (sent is not None and sent.state != OperationState.FAILED):
        return None
    _refuse_if_off(payment)
    if dispute.closed_at:
        return OperatorNeeded(
            f"{dispute.stripe_id} is lost and the {leg} is not paid yet: say whether they are, with"
            " a reason (POST /api/payments/disputed, or manage.py saga start decide_disputed)."
            " Payees who are paid are paid by the platform. This run then goes on by itself."
        )
    held = Held("dispute", undisputed(payment.pk), DAY)
    return hold_back(payment, leg, amount, held, f"{dispute.stripe_id} is not decided.")


def prepare_transfer(
    *, order_id: UUID, leg: Leg, destination: str, amount: int
) -> Call | Transferred | Refused:
    """Write the intention to pay `amount` minor units of the capture to a connected account; of
    what is written off, out of the platform's own balance.

    Raises PayoutOff when the customer gets the money back instead, PaymentBusy before there is any.
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
    payment, operation = learn(call, reply)
    match operation.state:
        case OperationState.SUCCEEDED:
            HeldPayout.objects.filter(payment=payment, leg=_leg_of(operation)).update(
                ended_at=Now()
            )
            return _sent(operation)
        case OperationState.FAILED if operation.code in HELD:
            held = HELD[operation.code]
            return hold_back(payment, _leg_of(operation), operation.amount, held, operation.message)
        case OperationState.FAILED:
            return OperatorNeeded(f"{operation.key} was refused: {operation.message}")
        case OperationState.NEEDS_OPERATOR:
            return operator_needed(operation)
        case _:
            return unresolved(operation)


def _leg_of(operation: Operation) -> Leg:
    return next(leg for leg in Leg if leg.transfer == operation.kind)


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
    if payment.status in _OFF:
        raise PayoutOff("The customer gets the money of this order back.")
    if is_withheld(payment):
        raise PayoutOff("Its dispute was lost, and an operator has decided against this payout.")
