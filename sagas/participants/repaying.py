"""A refund that did not reach its customer, as steps: owed again, until a person pays otherwise."""

from functools import partial
from typing import TypedDict
from uuid import UUID

from campusg.conflicts import in_transaction
from campusg.money import formatted
from escrow import services as escrow
from payments import failed_refunds, gateway
from payments.errors import NothingToRepay, PaymentBusy
from payments.gateway import RefundSeen
from sagas.engine import Unkept, participant
from sagas.engine.starting import conclude, enqueue_many


def follow_refund(name: str) -> str:
    """Read a refund that had succeeded; if it came to nothing its customer is owed it. In words.

    Raises StripeUnavailable, and PaymentBusy while the refund itself is being booked.
    """
    return in_transaction(partial(_note, gateway.read_refund(name)))


@participant()
def start(
    *,
    order_id: UUID,
    refund_operation_id: UUID,
    refunded: int,
    refund_failed: bool,
    currency: str,
) -> None:
    """If the refund failed: owe it, and call a person."""
    if refund_failed:
        _begin(order_id, refund_operation_id, refunded, currency)


@participant()
def start_settled(
    *,
    order_id: UUID,
    settlement_operation_id: UUID,
    refunded: int,
    refund_failed: bool,
    currency: str,
) -> None:
    """The same of an order that was called off after its money was taken."""
    if refund_failed:
        _begin(order_id, settlement_operation_id, refunded, currency)


@participant()
def owe_again(*, order_id: UUID, refund_operation_id: UUID) -> None:
    """Book that the customer is owed what came back."""
    escrow.refund_came_back(order_id=order_id, operation_id=refund_operation_id)


class Repaid(TypedDict):
    """Which refund was paid otherwise, and how much, in minor units."""

    refund_operation_id: UUID
    amount: int


@participant(refuses=NothingToRepay)
def mark(*, order_id: UUID, by_user_id: UUID, reason: str) -> Repaid:
    """Note that a person has paid the customer otherwise, who and why."""
    operation_id, amount = failed_refunds.mark_repaid(
        order_id=order_id, by_user_id=by_user_id, reason=reason
    )
    return {"refund_operation_id": operation_id, "amount": amount}


@participant()
def book(*, order_id: UUID, refund_operation_id: UUID, amount: int) -> None:
    """Owe the customer no more: it was paid from outside Stripe."""
    escrow.repaid(order_id=order_id, operation_id=refund_operation_id, amount=amount)


@participant()
def close(*, order_id: UUID, refund_operation_id: UUID) -> None:
    """End the run that waited for it."""
    key = f"{order_id}:{refund_operation_id}"
    conclude("repay_customer", key, "The customer was paid otherwise.")


def is_repaid(*, order_id: UUID, currency: str, completed: bool) -> int | Unkept:
    """Completed: the customer is owed nothing any more."""
    owed = escrow.owed_to_customer(order_id=order_id)
    if not owed:
        return 0
    amount = formatted(owed, currency)
    return Unkept(
        owed,
        f"A refund of {amount} did not reach the card; the customer is owed it",
        f"Pay the customer {amount} otherwise, by bank transfer or in cash, then say so with a"
        " reason: POST /api/payments/repaid, or manage.py saga start repaid_otherwise. This run"
        " then ends by itself.",
    )


def _note(seen: RefundSeen) -> str:
    refund = failed_refunds.note(seen)
    if refund is None:
        return f"{seen.id} is {seen.status}"
    if refund.failed_at and not refund.repaid_at:
        if not escrow.is_promised(order_id=refund.order_id, operation_id=refund.operation_id):
            raise PaymentBusy("That it was sent is not booked yet; look again in a moment.")
        _begin(refund.order_id, refund.operation_id, refund.amount, refund.currency)
    return f"{seen.id} is {refund.status}"


def _begin(order_id: UUID, operation_id: UUID, amount: int, currency: str) -> None:
    """A run that owes it to the customer, and waits for whoever pays it; once an operation."""
    facts = {
        "order_id": order_id,
        "refund_operation_id": operation_id,
        "amount": amount,
        "currency": currency,
    }
    enqueue_many("repay_customer", [(f"{order_id}:{operation_id}", facts)])
