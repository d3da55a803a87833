"""What Stripe holds on cards, held against our payments, intent by intent."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from campusg.money import formatted
from payments import following, gateway
from payments.breaks import Break, BreakKind, Finding, Layer
from payments.gateway import Intent
from payments.models import UNRESOLVED, Operation, Payment, PaymentStatus

#: How an intent may stand at Stripe while our payment stands so. Of others nothing is expected.
EXPECTED = {
    PaymentStatus.AUTHORIZED: ("requires_capture",),
    PaymentStatus.RELEASING: ("requires_capture", "canceled"),
    PaymentStatus.RELEASED: ("canceled",),
    PaymentStatus.LAPSED: ("canceled",),
    **dict.fromkeys(
        (
            PaymentStatus.CAPTURED,
            PaymentStatus.REFUNDING,
            PaymentStatus.PARTLY_REFUNDED,
            PaymentStatus.REFUNDED,
        ),
        ("succeeded",),
    ),
}
#: Something may still happen to these by themselves.
OPEN = (PaymentStatus.AUTHORIZED, PaymentStatus.RELEASING, PaymentStatus.CAPTURING)
#: An operation younger than this has its own reply on the way.
GRACE = timedelta(minutes=1)
PAGE = 100
HELD = "requires_capture"
#: What we say of an intent whose money nobody here counts on.
UNKNOWN = "nothing"
NOTHING = (UNKNOWN, PaymentStatus.RELEASED, PaymentStatus.LAPSED)


def ask_about_unresolved() -> list[str]:
    """Read what has become of every operation that nobody has an answer of; in words, each.

    Raises StripeUnavailable.
    """
    unresolved = Operation.objects.filter(state__in=UNRESOLVED, sent_at__lt=Now() - GRACE)
    payments = unresolved.order_by().values_list("payment_id", flat=True).distinct()
    return [following.find_out(payment_id) for payment_id in payments]


def differences_of_open() -> list[Finding]:
    """How the intents of payments under way, and those of open breaks, differ from Stripe's.

    Raises StripeUnavailable.
    """
    under_way = Payment.objects.filter(status__in=OPEN).exclude(payment_intent="")
    broken = Break.objects.filter(layer=Layer.PENDING, resolved_at=None)
    names = {
        *under_way.values_list("payment_intent", flat=True),
        *broken.values_list("object_id", flat=True),
    }
    return list(_confirmed(sorted(names)))


def differences(since: datetime, until: datetime) -> list[Finding]:
    """The same of every intent that was made in that time, and of those nobody here asked for.

    Raises StripeUnavailable.
    """
    intents = gateway.intents(since, until)
    found: list[str] = []
    while page := list(islice(intents, PAGE)):
        found += [one.object_id for one in _judged(page)]
    return list(_confirmed(found))


def _confirmed(names: Iterable[str]) -> Iterator[Finding]:
    """Read each by itself: of a list some may have moved since it was asked for."""
    for name in names:
        intent = gateway.intent(name)
        yield from _judged([intent]) if intent else _missing(name)


def _missing(name: str) -> Iterator[Finding]:
    for payment in Payment.objects.filter(payment_intent=name, status__in=OPEN):
        yield Finding(
            Layer.PENDING, BreakKind.MISSING, name, payment.order_id,
            f"{payment.status} {formatted(payment.amount, payment.currency)}", "nothing",
            payment.amount, payment.currency,
        )  # fmt: skip


def _judged(intents: list[Intent]) -> Iterator[Finding]:
    ours = [one for one in intents if one.env == settings.CAMPUSG_ENV]
    known = Payment.objects.filter(payment_intent__in=[one.id for one in ours])
    by_intent = {payment.payment_intent: payment for payment in known}
    asked = Operation.objects.in_bulk([one.operation_id for one in ours if one.operation_id])
    for intent in ours:
        payment = by_intent.get(intent.id)
        operation = asked.get(intent.operation_id) if intent.operation_id else None
        if payment is not None:
            yield from _compared(payment, intent)
        elif intent.status == HELD and not (operation and operation.state in UNRESOLVED):
            # What an unresolved operation has made is learnt by asking about that.
            theirs = f"{intent.status} {formatted(intent.amount, intent.currency)}"
            yield _finding(BreakKind.ORPHAN, intent, intent.order_id, UNKNOWN, theirs)


def _compared(payment: Payment, intent: Intent) -> Iterator[Finding]:
    expected = EXPECTED.get(PaymentStatus(payment.status), (intent.status,))
    if intent.status not in expected:
        yield _finding(BreakKind.STATE, intent, payment.order_id, payment.status, intent.status)
    elif intent.status == HELD and intent.currency != payment.currency:
        yield _finding(
            BreakKind.CURRENCY, intent, payment.order_id, payment.currency, intent.currency
        )
    elif intent.status == HELD and intent.amount != payment.amount:
        ours, theirs = (formatted(one.amount, one.currency) for one in (payment, intent))
        yield _finding(BreakKind.AMOUNT, intent, payment.order_id, ours, theirs)


def _finding(
    kind: BreakKind, intent: Intent, order_id: UUID | None, ours: str, theirs: str
) -> Finding:
    return Finding(
        Layer.PENDING, kind, intent.id, order_id, ours, theirs, intent.amount, intent.currency
    )
