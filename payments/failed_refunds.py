"""Refunds that don't reach the card, at once or weeks after they had succeeded.

What came back to us is the customer's: nothing but paying them another way ends that.
https://docs.stripe.com/refunds#failed-refunds
"""

from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from events.services import record
from payments.errors import NothingToRepay
from payments.gateway import RefundSeen
from payments.models import Kind, Operation, OperationState, Payment, PaymentStatus
from payments.money_back import CAME_TO_NOTHING, Refund, RefundStatus


def keep(operation: Operation, stripe_id: str, status: RefundStatus, reason: str = "") -> Refund:
    """Keep how an operation's refund stands. One that came to nothing stays so; its payment is
    locked, and owes the customer from then on: `payment.refund_failed` is recorded, once."""
    refund, _ = Refund.objects.get_or_create(
        operation=operation,
        defaults={
            "stripe_id": stripe_id,
            "payment_id": operation.payment_id,
            "order_id": operation.order_id,
            "amount": operation.amount,
            "currency": operation.currency,
            "status": status,
            "was_sent": status == RefundStatus.SUCCEEDED,
        },
    )
    if refund.failed_at or (refund.status == status and status not in CAME_TO_NOTHING):
        return refund
    refund.status, refund.failure_reason = status, reason[:80]
    refund.was_sent = refund.was_sent or status == RefundStatus.SUCCEEDED
    refund.save(update_fields=["status", "failure_reason", "was_sent"])
    if status in CAME_TO_NOTHING:
        Refund.objects.filter(pk=refund.pk).update(failed_at=Now())
        refund.refresh_from_db()
        _tell(refund, "payment.refund_failed", reason=reason or "unknown")
    return refund


@transaction.atomic(savepoint=False)
def note(seen: RefundSeen) -> Refund | None:
    """Keep what Stripe says now of a refund that had succeeded; None when no operation of ours made
    it, or its own reply is still to be learnt."""
    operation = Operation.objects.filter(
        kind=Kind.REFUND, stripe_id=seen.id, state=OperationState.SUCCEEDED
    ).first()
    if operation is None:
        return None
    payment = Payment.objects.select_for_update().get(pk=operation.payment_id)
    refund = keep(operation, seen.id, RefundStatus(seen.status), seen.failure_reason)
    if refund.failed_at and not refund.repaid_at:
        Payment.objects.filter(pk=payment.pk).update(status=PaymentStatus.REFUND_FAILED)
    return refund


@transaction.atomic(savepoint=False)
def mark_repaid(*, order_id: UUID, by_user_id: UUID, reason: str) -> tuple[UUID, int]:
    """A person has paid the customer otherwise; the operation whose refund failed, and how many
    minor units. Records `payment.repaid`. Raises NothingToRepay."""
    payment = Payment.objects.select_for_update().filter(order_id=order_id).first()
    refund = Refund.objects.filter(payment=payment, failed_at__isnull=False, repaid_at=None).first()
    if payment is None or refund is None:
        raise NothingToRepay("No refund of this order has failed that is not paid otherwise yet.")
    Refund.objects.filter(pk=refund.pk).update(
        repaid_at=Now(), repaid_by=by_user_id, repaid_reason=reason[:500]
    )
    Payment.objects.filter(pk=payment.pk).update(status=PaymentStatus.REPAID)
    _tell(refund, "payment.repaid")
    return refund.operation_id, refund.amount


def _tell(refund: Refund, event: str, **more: str) -> None:
    data = {
        "payment_id": str(refund.payment_id),
        "customer_id": refund.payment.customer_id,
        "amount": refund.amount,
        "currency": refund.currency,
    }
    record(type=event, order_id=refund.order_id, data=data | more)
