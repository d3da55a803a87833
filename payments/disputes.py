"""Disputes of charges: noted as Stripe has them; while one is open nobody is paid on."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from events.services import record
from payments.errors import NothingToDecide, PaymentBusy, PaymentDisputed
from payments.gateway import DisputeSeen
from payments.models import UNRESOLVED, HeldPayout, Operation, Payment
from payments.money_back import DECIDED, Dispute, DisputeStatus, Payees

#: Decided, and what the bank took is gone. Won, it may still be on its way back.
_LOST = Q(closed_at__isnull=False, withdrawn__gt=F("reinstated")) & ~Q(status=DisputeStatus.WON)


def undisputed(payment_id: UUID) -> str:
    """The signal that a payment's dispute is decided."""
    return f"undisputed:{payment_id}"


def version_of(stripe_id: str) -> int:
    """How often a dispute was noted; to be asked before it is read."""
    known = Dispute.objects.filter(stripe_id=stripe_id).values_list("version", flat=True)
    return known.first() or 0


@transaction.atomic(savepoint=False)
def note(payment_id: UUID, seen: DisputeSeen, version: int) -> Dispute | None:
    """Keep what Stripe says of a dispute; None if it was noted since `version`, by somebody who may
    have read something newer. Records `payment.dispute_opened` and `payment.dispute_closed`.

    The payment is locked until the transaction ends, so that no payout begins meanwhile.
    """
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    if version_of(seen.id) != version:
        return None
    known = Dispute.objects.filter(stripe_id=seen.id).first()
    was_open = known is None or not known.closed_at
    closed = seen.status in DECIDED
    said = {
        name: getattr(seen, name)
        for name in (
            "amount", "currency", "reason", "evidence_due_by", "refundable", "withdrawn",
            "reinstated", "fee",
        )
    }  # fmt: skip
    if closed == was_open:
        said["closed_at"] = Now() if closed else None
    said |= {"status": DisputeStatus(seen.status), "version": version + 1}
    dispute, first = Dispute.objects.update_or_create(
        stripe_id=seen.id, defaults=said | {"payment": payment, "order_id": payment.order_id}
    )
    if first:
        due = seen.evidence_due_by
        _tell(
            "payment.dispute_opened", payment, seen, evidence_due_by=due.isoformat() if due else ""
        )
    if closed and was_open:
        _tell("payment.dispute_closed", payment, seen, outcome=seen.status)
    dispute.refresh_from_db()
    return dispute


def blocking(payment: Payment) -> Dispute | None:
    """The dispute because of which nobody is paid on: it is open, or lost and nobody has said what
    becomes of the payees. The payment is locked."""
    against = Dispute.objects.filter(Q(closed_at=None) | _LOST, payment=payment, payees="")
    return against.first()


def is_withheld(payment: Payment) -> bool:
    """Whether an operator has decided that those who were not paid yet are not paid."""
    return Dispute.objects.filter(payment=payment, payees=Payees.UNPAID).exists()


@transaction.atomic(savepoint=False)
def decide_payees(*, order_id: UUID, payees: str, by_user_id: UUID, reason: str) -> Dispute:
    """Say whether those who were not paid when a dispute was lost are paid all the same.

    Raises NothingToDecide, and PaymentBusy while a call about the money is unanswered.
    """
    payment = Payment.objects.select_for_update().filter(order_id=order_id).first()
    lost = Dispute.objects.filter(_LOST, payment=payment, payees="").first()
    if payment is None or lost is None:
        raise NothingToDecide("No dispute of this order is lost whose payees wait for a decision.")
    if Operation.objects.filter(payment=payment, state__in=UNRESOLVED).exists():
        raise PaymentBusy("A call about this order's money is under way; try again in a moment.")
    lost.payees, lost.payees_decided_by = Payees(payees), by_user_id
    lost.payees_decided_reason = reason[:500]
    lost.save(update_fields=["payees", "payees_decided_by", "payees_decided_reason"])
    if lost.payees == Payees.UNPAID:
        HeldPayout.objects.filter(payment=payment, ended_at=None).update(ended_at=Now())
    return lost


def refuse_disputed(payment: Payment) -> None:
    """Raises PaymentDisputed when the money goes back, or went back, another way: who got it from
    their bank and from us would have it twice."""
    against = Dispute.objects.filter(payment=payment, refundable=False)
    dispute = against.exclude(status=DisputeStatus.WON).first()
    if dispute is None:
        return
    if dispute.closed_at:
        raise PaymentDisputed("The bank has given this money back already; a refund would double.")
    raise PaymentDisputed(
        f"The card's holder disputes this charge ({dispute.stripe_id}): answer or accept the"
        " dispute at Stripe; a refund on top of it would give the money back twice."
    )


@transaction.atomic(savepoint=False)
def suspect(payment_id: UUID, warning: str) -> bool:
    """Flag a payment for review, because its card's bank suspects it; records
    `payment.fraud_warned`, once. Whether it was new."""
    payment = Payment.objects.select_for_update().get(pk=payment_id)
    if payment.fraud_warned_at:
        return False
    Payment.objects.filter(pk=payment_id).update(fraud_warning=warning, fraud_warned_at=Now())
    data = _about(payment) | {"amount": payment.captured_amount, "warning": warning}
    record(type="payment.fraud_warned", order_id=payment.order_id, data=data)
    return True


def _tell(event: str, payment: Payment, seen: DisputeSeen, **more: str) -> None:
    said = {"amount": seen.amount, "dispute": seen.id, "reason": seen.reason}
    record(type=event, order_id=payment.order_id, data=_about(payment) | said | more)


def _about(payment: Payment) -> dict[str, Any]:
    return {
        "payment_id": str(payment.pk),
        "customer_id": payment.customer_id,
        "currency": payment.currency,
    }
