"""Where each saga begins: an order brought so far, and the run that is to be cut off."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import requests
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from campusg.ids import new_id
from devstack.crashtest.driver import Driver
from orders import services as orders
from orders.states import OrderStatus
from payments.money_back import Refund
from sagas.engine.definition import Saga
from sagas.engine.starting import enqueue, start
from sagas.models import Run
from sagas.participants import disputes, repaying

S = OrderStatus
SANDBOX = f"{settings.STRIPE_API_BASE}/_sandbox"
FAULTS = f"{SANDBOX}/faults"
#: Sagas whose runs another saga has left there: no request starts them.
LEFT = ("pay_out", "settle_claim", "repay_customer")


@dataclass(frozen=True)
class Scene:
    """An order, and how the run about it begins: by workers alone, or in a request."""

    order_id: UUID
    saga: str
    key: str
    facts: dict[str, Any]
    run_id: UUID | None = None

    def begin(self, *, requested: bool = False) -> UUID:
        """Start the run; some scenes have it already."""
        if self.run_id is not None:
            return self.run_id
        with transaction.atomic():
            begun = (start if requested else enqueue)(
                Saga.registry[self.saga], self.key, **self.facts
            )
        return begun.pk


class Campus:
    """One customer, one kitchen, one runner; as many orders as are needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "people.json"

    def seed(self) -> None:
        """Everybody, with cards and accounts at the sandbox."""
        call_command(
            "seed_campus", customers=1, restaurants=1, runners=1, declined_share=0.0,
            json=self.path, verbosity=0, stdout=self.path.with_suffix(".log").open("w"),
        )  # fmt: skip

    def open(self, driver: Driver) -> None:
        """Read who there is; `driver` brings the orders on."""
        people = json.loads(self.path.read_text())
        self.customer = people["customers"][0]["id"]
        self.runner = UUID(people["runners"][0]["id"])
        self.kitchen = people["restaurants"][0]
        self.ops = UUID(people["ops"]["id"])
        self.driver = driver

    def ordered(self) -> Scene:
        """An order that somebody is about to place."""
        order_id = new_id()
        line = {"menu_item_id": self.kitchen["menu"][0]["id"], "quantity": 1}
        facts = {
            "order_id": order_id, "customer_id": UUID(self.customer),
            "restaurant_id": UUID(self.kitchen["id"]), "items": [line],
            "delivery_location": "Dorm 4, room 12",
        }  # fmt: skip
        return Scene(order_id, "create_order", str(order_id), facts)

    def brought_to(self, status: OrderStatus) -> UUID:
        """The id of an order that has come so far."""
        order_id = self._lived(self.ordered())
        if status == S.CREATED:
            return order_id
        self._lived(self.of(order_id, "accept_order", f":{self.runner}", runner_id=self.runner))
        steps = (S.ACCEPTED, S.PLACED, S.ON_THE_WAY, S.DELIVERED)
        last = steps.index(S.DELIVERED if status == S.COMPLETED else status)
        for to in steps[1 : last + 1]:
            orders.advance(order_id=order_id, runner_id=self.runner, to=to)
        if status == S.COMPLETED:
            self._lived(self.of(order_id, "complete_order"))
        return order_id

    def of(self, order_id: UUID, saga: str, key: str = "", **facts: Any) -> Scene:
        """A saga about an order that is there."""
        return Scene(order_id, saga, f"{order_id}{key}", {"order_id": order_id, **facts})

    def by_hand(self, order_id: UUID, saga: str, **facts: Any) -> Scene:
        """Money moved by an operator."""
        facts = {"move": saga, "by_user_id": self.ops, "reason": "crash test", **facts}
        return self.of(order_id, saga, **facts)

    def owed(self) -> Scene:
        """A payout that is due: complete_order has put its run there."""
        return self._left_by_completing(self.brought_to(S.DELIVERED), "pay_out", ":restaurant")

    def unpaid(self) -> Scene:
        """A claim to be settled: the card said no once the meal was there."""
        order_id = self.brought_to(S.DELIVERED)
        fault: dict[str, Any] = {
            "kind": "decline_capture",
            "match": {"metadata": {"order_id": str(order_id)}},
        }
        _sandbox("faults", **fault)
        return self._left_by_completing(order_id, "settle_claim")

    def unrefunded(self) -> Scene:
        """A refund that failed after it had succeeded: its run owes it, and nobody has begun it."""
        order_id = self.brought_to(S.COMPLETED)
        self._lived(self.of(order_id, "refund_order", by_user_id=new_id(), reason="crash test"))
        refund = Refund.objects.get(order_id=order_id)
        _sandbox(f"refunds/{refund.stripe_id}", status="failed")
        repaying.follow_refund(refund.stripe_id)
        self.driver.lose()
        key = f"{order_id}:{refund.operation_id}"
        run_id = Run.objects.get(saga="repay_customer", key=key).pk
        return Scene(order_id, "repay_customer", key, {}, run_id)

    def repaid(self) -> Scene:
        """The same, once it is owed: an operator has paid it otherwise."""
        order_id = self._lived(self.unrefunded())
        return self.by_hand(order_id, "repaid_otherwise")

    def lost(self) -> Scene:
        """A completed order whose dispute was lost before its payees were paid."""
        order_id = self.brought_to(S.COMPLETED)
        charge = Run.objects.get(saga="complete_order", key=str(order_id)).facts["charge"]
        dispute = _sandbox(f"charge_back/{charge}")["id"]
        _sandbox(f"disputes/{dispute}", status="lost")
        disputes.adopt_dispute(dispute)
        self._payouts(order_id)
        return self.by_hand(order_id, "decide_disputed", payees="unpaid")

    def _left_by_completing(self, order_id: UUID, saga: str, key: str = "") -> Scene:
        """A run that complete_order has put there, and that nobody has begun."""
        self.driver.deliver(self.of(order_id, "complete_order").begin())
        self.driver.lose()
        key = f"{order_id}{key}"
        return Scene(order_id, saga, key, {}, Run.objects.get(saga=saga, key=key).pk)

    def paid_out(self) -> UUID:
        """A completed order whose payees have their money."""
        order_id = self.brought_to(S.COMPLETED)
        self._payouts(order_id)
        return order_id

    def captured(self) -> UUID:
        """A delivered order whose money was taken by hand."""
        order_id = self.brought_to(S.DELIVERED)
        self._lived(self.by_hand(order_id, "capture_payment"))
        return order_id

    def unheld(self) -> UUID:
        """An order that is written down, and no run at work on it."""
        scene = self.ordered()
        with transaction.atomic():
            orders.create(**scene.facts)
        return scene.order_id

    def authorized(self) -> UUID:
        """The same, its card held by hand."""
        order_id = self.unheld()
        self._lived(self.by_hand(order_id, "authorize_payment"))
        return order_id

    def call_off(self, order_id: UUID) -> None:
        """End an order that was brought halfway by hand, and that no run will end."""
        with transaction.atomic():
            orders.cancel(order_id=order_id, reason="The crash test is over.")
        for saga in ("release_payment", "cancel_escrow"):
            self._lived(self.by_hand(order_id, saga))

    def _payouts(self, order_id: UUID) -> None:
        payouts = Run.objects.filter(saga="pay_out", key__startswith=str(order_id))
        for run_id in payouts.values_list("id", flat=True):
            self.driver.deliver(run_id)

    def _lived(self, scene: Scene) -> UUID:
        self.driver.deliver(scene.begin())
        self.driver.catch_up()
        return scene.order_id


def _sandbox(path: str, **said: Any) -> Any:
    """Have banks and account owners do something."""
    reply = requests.post(f"{SANDBOX}/{path}", json=said, timeout=10)
    reply.raise_for_status()
    return reply.json()


#: By name; a saga may have several. Every saga has one at least: a test sees to it.
SCENES: dict[str, Callable[[Campus], Scene]] = {
    "create_order": lambda c: c.ordered(),
    "accept_order": lambda c: c.of(
        c.brought_to(S.CREATED), "accept_order", f":{c.runner}", runner_id=c.runner
    ),
    "release_runner": lambda c: c.of(
        c.brought_to(S.ACCEPTED), "release_runner", runner_id=c.runner
    ),
    "complete_order": lambda c: c.of(c.brought_to(S.DELIVERED), "complete_order"),
    "cancel_order": lambda c: c.of(
        c.brought_to(S.CREATED), "cancel_order", by="customer", reason="crash test"
    ),
    "cancel_order on the way": lambda c: c.of(
        c.brought_to(S.ON_THE_WAY), "cancel_order", by="ops", reason="crash test"
    ),
    "refund_order": lambda c: c.of(
        c.brought_to(S.COMPLETED), "refund_order", by_user_id=new_id(), reason="crash test"
    ),
    "refund_order when all are paid": lambda c: c.of(
        c.paid_out(), "refund_order", by_user_id=new_id(), reason="crash test"
    ),
    "pay_out": lambda c: c.owed(),
    "settle_claim": lambda c: c.unpaid(),
    "decide_disputed": lambda c: c.lost(),
    "repay_customer": lambda c: c.unrefunded(),
    "repaid_otherwise": lambda c: c.repaid(),
    "end_overdue": lambda c: c.of(c.brought_to(S.DELIVERED), "end_overdue", reason="crash test"),
    "authorize_payment": lambda c: c.by_hand(c.unheld(), "authorize_payment"),
    "hold_escrow": lambda c: c.by_hand(c.authorized(), "hold_escrow"),
    "release_payment": lambda c: c.by_hand(c.authorized(), "release_payment"),
    "cancel_escrow": lambda c: c.by_hand(c.unheld(), "cancel_escrow"),
    "capture_payment": lambda c: c.by_hand(c.brought_to(S.DELIVERED), "capture_payment"),
    "release_escrow": lambda c: c.by_hand(c.captured(), "release_escrow"),
}
