"""What banks and card holders do to an order's money afterwards: noted and booked together."""

from functools import partial
from typing import TypedDict
from uuid import UUID

from campusg.conflicts import in_transaction
from escrow import services as escrow
from payments import disputes, following, gateway
from payments.errors import NothingToDecide, PaymentBusy
from payments.gateway import DisputeSeen
from payments.money_back import Dispute, DisputeStatus, Payees
from sagas.engine import participant
from sagas.engine.starting import announce


def follow_dispute(payment_id: UUID, name: str) -> str:
    """Read a dispute, freeze or free its order's payouts, and book what moved; in words.

    Raises StripeUnavailable.
    """
    dispute = None
    while dispute is None:
        # Whoever noted it while we read may know something newer: then it is read again.
        version = disputes.version_of(name)
        seen = gateway.read_dispute(name)
        dispute = in_transaction(partial(_note, payment_id, seen, version))
    if not dispute.closed_at:
        return f"{name} is {dispute.status}: nobody is paid on"
    woken = announce(disputes.undisputed(payment_id))
    return f"{name} is {dispute.status}, {woken} runs woken"


def adopt_dispute(name: str) -> str:
    """Follow a dispute that no event told us of. Raises NotOurs, StripeUnavailable."""
    payment_id = following.payment_of_intent(gateway.read_dispute(name).payment_intent)
    return follow_dispute(payment_id, name)


def follow_warning(payment_id: UUID, name: str) -> str:
    """Read an early fraud warning; flag the payment if it still means anything. In words.

    Raises StripeUnavailable.
    """
    if not gateway.is_suspected(name):
        return f"{name} calls for nothing any more"
    new = in_transaction(partial(disputes.suspect, payment_id, name))
    return "flagged for review" if new else "flagged before"


class Decided(TypedDict):
    """Which lost dispute it is about."""

    dispute_id: UUID


@participant(refuses=(NothingToDecide, PaymentBusy))
def decide(*, order_id: UUID, payees: str, by_user_id: UUID, reason: str) -> Decided:
    """Note whether those who are not paid yet are paid all the same, who says so and why."""
    lost = disputes.decide_payees(
        order_id=order_id, payees=payees, by_user_id=by_user_id, reason=reason
    )
    if not escrow.unpaid(order_id=order_id):
        raise NothingToDecide("Nobody is owed anything for this order.")
    return {"dispute_id": lost.pk}


@participant()
def withhold(*, order_id: UUID, payees: str, dispute_id: UUID) -> None:
    """If they are not paid, owe them nothing more."""
    if payees == Payees.UNPAID:
        escrow.withhold(order_id=order_id, dispute_id=dispute_id)


def _note(payment_id: UUID, seen: DisputeSeen, version: int) -> Dispute | None:
    dispute = disputes.note(payment_id, seen, version)
    if dispute is not None:
        escrow.dispute(
            order_id=dispute.order_id,
            dispute_id=dispute.pk,
            withdrawn=dispute.withdrawn,
            fee=dispute.fee,
            reinstated=dispute.reinstated,
            lost=dispute.closed_at is not None and dispute.status != DisputeStatus.WON,
        )
    return dispute
