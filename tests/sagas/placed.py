"""An order on its way through create_order, and everything it touched."""

from typing import Any

import requests
from django.conf import settings
from django.db import transaction

from campusg.ids import new_id
from events.models import OutboxEvent
from orders.models import Order, Restaurant
from payments.models import Operation, Payment
from sagas.create_order import create_order
from sagas.engine.starting import start
from sagas.models import ACTIVE, Run
from tests.conftest import eventually
from tests.makers import holds_of, requested
from users.models import User


class Placed:
    """One order on its way through create_order."""

    def __init__(self, customer: User, restaurant: Restaurant, **fault: Any) -> None:
        self.id = new_id()
        if fault:
            self.fault(**fault)
        with transaction.atomic():
            facts = requested(self.id, customer, restaurant)
            self.run_id = start(create_order, str(self.id), **facts).pk

    def fault(self, kind: str, *, path: str = "/v1/payment_intents", **more: Any) -> None:
        """Make the sandbox misbehave for this order alone."""
        body = {"kind": kind, "times": 1, "match": {"path": path}} | more
        body["match"]["metadata"] = {"order_id": str(self.id)}
        url = f"{settings.STRIPE_API_BASE}/_sandbox/faults"
        requests.post(url, json=body, timeout=10).raise_for_status()

    @property
    def run(self) -> Run:
        return Run.objects.get(pk=self.run_id)

    @property
    def order(self) -> Order:
        return Order.objects.get(pk=self.id)

    @property
    def payment(self) -> Payment:
        return Payment.objects.get(order_id=self.id)

    def rests(self, within: float = 45.0) -> "Placed":
        """Itself, once the engine has nothing more to do with the run."""
        eventually(lambda: self.run.status not in ACTIVE, within=within)
        return self

    def events(self) -> list[str]:
        rows = OutboxEvent.objects.filter(aggregateid=self.id).order_by("aggversion")
        return list(rows.values_list("type", flat=True))

    def lapse(self) -> None:
        """The bank gives the hold up before its time."""
        url = f"{settings.STRIPE_API_BASE}/_sandbox/lapse/{self.payment.payment_intent}"
        requests.post(url, json={}, timeout=10).raise_for_status()

    def held(self) -> list[int]:
        """What the sandbox holds for the order right now: one amount per standing hold."""
        holds = holds_of(self.id)
        return [one["amount"] for one in holds if one["status"] == "requires_capture"]

    def intents(self) -> int:
        """How many PaymentIntents were ever made for the order."""
        return len(holds_of(self.id))

    def operations(self) -> list[tuple[str, int, str]]:
        rows = Operation.objects.filter(order_id=self.id).order_by("sent_at")
        return [(one.kind, one.n, one.state) for one in rows]
