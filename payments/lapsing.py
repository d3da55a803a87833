"""Holds that end by themselves: looked ahead for, warned of, and noted once they are gone.

When a hold lapses is told by Stripe (`capture_before`) and never computed; a bank may give it up
earlier all the same. https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
"""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from events.services import record
from payments import gateway
from payments.errors import StripeUnavailable
from payments.gateway import HOLD_STANDS, Outcome
from payments.models import UNRESOLVED, Operation, Payment, PaymentStatus

#: What tells that a hold may be gone, whoever ended it.
#: https://docs.stripe.com/api/events/types#event_types-charge.expired
ENDED = ("payment_intent.canceled", "charge.expired")
#: An order that relied on a hold that is gone is ended at once; so long it is looked for once more.
_RECENTLY = timedelta(days=7)


def about_to_lapse() -> list[UUID]:
    """The orders whose hold lapses within `AUTHORIZATION_MARGIN_SECONDS`, or has lapsed of late;
    the first to go first."""
    margin = timedelta(seconds=settings.AUTHORIZATION_MARGIN_SECONDS)
    soon = Q(status=PaymentStatus.AUTHORIZED, capture_before__lt=Now() + margin)
    gone = Q(status=PaymentStatus.LAPSED, lapsed_at__gt=Now() - _RECENTLY)
    lapsing = Payment.objects.filter(soon | gone)
    return list(lapsing.order_by("capture_before").values_list("order_id", flat=True))


def to_be_warned_of() -> list[UUID]:
    """The orders whose hold lapses within `AUTHORIZATION_WARNING_SECONDS` and of which nobody was
    told yet."""
    ahead = timedelta(seconds=settings.AUTHORIZATION_WARNING_SECONDS)
    ending = Payment.objects.filter(
        status=PaymentStatus.AUTHORIZED, capture_before__lt=Now() + ahead, hold_warned_at=None
    )
    return list(ending.order_by("capture_before").values_list("order_id", flat=True))


@transaction.atomic(savepoint=False)
def warn(*, order_id: UUID) -> bool:
    """Record `payment.hold_ending`, once a payment; whether it was."""
    payment = Payment.objects.select_for_update().filter(order_id=order_id).first()
    if payment is None or payment.hold_warned_at or payment.status != PaymentStatus.AUTHORIZED:
        return False
    Payment.objects.filter(pk=payment.pk).update(hold_warned_at=Now())
    _tell("payment.hold_ending", payment)
    return True


def is_gone(payment_id: UUID) -> bool:
    """Whether Stripe holds nothing any more of a payment that we believe is held, by reading only.

    False as well while a call about it is under way: that one finds out. Raises StripeUnavailable.
    """
    payment = _believed(Payment.objects.filter(pk=payment_id).first())
    if payment is None:
        return False
    params = {"payment_intent": payment.payment_intent}
    reply = gateway.find_void(params, "", payment.created_at)
    if reply.outcome is Outcome.SUCCEEDED:
        return True
    if reply.code == HOLD_STANDS or reply.outcome is Outcome.OPERATOR:
        # Still held, or taken: nothing that an order's end would mend.
        return False
    raise StripeUnavailable(f"{payment.payment_intent} could not be read: {reply.message}")


@transaction.atomic(savepoint=False)
def note_gone(payment_id: UUID) -> UUID | None:
    """AUTHORIZED → LAPSED, because `is_gone`; record `payment.lapsed`. The order, or None when
    somebody else has moved the payment meanwhile."""
    locked = Payment.objects.select_for_update().filter(pk=payment_id).first()
    payment = _believed(locked)
    if payment is None:
        return None
    Payment.objects.filter(pk=payment.pk).update(status=PaymentStatus.LAPSED, lapsed_at=Now())
    _tell("payment.lapsed", payment)
    return payment.order_id


def _believed(payment: Payment | None) -> Payment | None:
    """The payment, if we believe that it is held and no call is about to change that."""
    if payment is None or payment.status != PaymentStatus.AUTHORIZED:
        return None
    busy = Operation.objects.filter(payment=payment, state__in=UNRESOLVED).exists()
    return None if busy else payment


def _tell(event: str, payment: Payment) -> None:
    data = {
        "payment_id": str(payment.pk),
        "customer_id": payment.customer_id,
        "amount": payment.amount,
        "currency": payment.currency,
    }
    record(type=event, order_id=payment.order_id, data=data)
