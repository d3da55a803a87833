"""What banks do to an order's money afterwards, done at the sandbox and heard of; and whether the
books then agree with Stripe about every cent of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from django.conf import settings

from payments.breaks import Break
from payments.money_back import Dispute, Refund
from sagas.reconciling import reconcile
from tests.conftest import eventually
from tests.sagas.hearing import hear
from tests.sagas.lunch import Lunch


def sandbox(path: str, **said: Any) -> requests.Response:
    return requests.post(f"{settings.STRIPE_API_BASE}/_sandbox/{path}", json=said, timeout=10)


def disputed(order: Lunch, **said: Any) -> Dispute:
    """Its card's holder disputes the charge, and we have heard of it."""
    sandbox(f"charge_back/{order.payment.charge}", **said).raise_for_status()
    hear(order)
    return Dispute.objects.get(order_id=order.id)


def decided(order: Lunch, verdict: str, *, heard: bool = True) -> None:
    """The bank has decided."""
    name = Dispute.objects.get(order_id=order.id).stripe_id
    sandbox(f"disputes/{name}", status=verdict).raise_for_status()
    if heard:
        hear(order)


def refund_of(order: Lunch) -> Refund:
    """What Stripe has made of the order's refund, once it has been asked for one."""
    refunds = Refund.objects.filter(order_id=order.id)
    eventually(refunds.exists)
    return refunds.get()


def fails(order: Lunch, *, heard: bool = True) -> None:
    """The card's bank sends the refund back."""
    path = f"refunds/{refund_of(order).stripe_id}"
    sandbox(path, status="failed", failure_reason="lost_or_stolen_card").raise_for_status()
    if heard:
        hear(order)


def differences(order: Lunch) -> list[str]:
    """What reconciliation still has against this order's money, or cannot explain at all."""
    now = datetime.now(UTC)
    row = reconcile(now - timedelta(days=1), now + timedelta(hours=1))
    disputes = Dispute.objects.filter(order_id=order.id).values_list("stripe_id", flat=True)
    refunds = Refund.objects.filter(order_id=order.id).values_list("stripe_id", flat=True)
    theirs = {*disputes, *refunds, order.payment.payment_intent}
    breaks = Break.objects.filter(resolved_at=None)
    found = [one for one in breaks if one.order_id == order.id or one.object_id in theirs]
    unexplained = [f"{amount} {name} unexplained" for name, amount in row.unexplained.items()]
    return [f"{one.kind} {one.object_id}: {one.amount}" for one in found] + unexplained
