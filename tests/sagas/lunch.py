"""An order lived through its sagas, with everybody it concerns and every place it touches."""

from typing import Any
from uuid import UUID

from django.db import transaction

from escrow.chart import NATURES, Code, Layer
from escrow.models import Entry
from orders import services as orders
from orders.models import Order
from orders.states import OrderStatus
from payments.gateway import client
from sagas.accept_order import accept_order
from sagas.cancel_order import cancel_order
from sagas.complete_order import complete_order
from sagas.engine import Saga
from sagas.engine.starting import start
from sagas.models import ACTIVE, LIVE, Run
from sagas.release_runner import release_runner
from scheduler.models import ScheduledEvent
from tests.conftest import eventually
from tests.makers import make_customer, make_payee, make_restaurant, make_runner
from tests.sagas.placed import Placed
from users.models import User

FOOD, DELIVERY, PLATFORM = 1250, 399, 123
TOTAL = FOOD + DELIVERY + PLATFORM


class Lunch(Placed):
    """One order of ramen, from the tap to whatever end it comes to."""

    def __init__(self, card: str = "pm_card_visa") -> None:
        self.customer = make_customer(card)
        self.restaurant = make_restaurant()
        self.owner = make_payee(self.restaurant.owner)
        self.runner = make_runner()
        super().__init__(self.customer, self.restaurant)

    def begin(self, saga: Saga, key: str = "", **facts: Any) -> Run:
        """Start a saga about this order as a request would."""
        with transaction.atomic():
            return start(saga, f"{self.id}{key}", order_id=self.id, **facts)

    def accept(self, runner: User | None = None) -> Run:
        runner = runner or self.runner
        return self.begin(accept_order, f":{runner.id}", runner_id=runner.id)

    def release(self) -> Run:
        return self.begin(release_runner, runner_id=self.runner.id)

    def bring(self, to: OrderStatus = OrderStatus.DELIVERED) -> "Lunch":
        """Accept it and bring it as far as `to`."""
        steps = ["ACCEPTED", "PLACED", "ON_THE_WAY", "DELIVERED"]
        for status in map(OrderStatus, steps[: steps.index(to) + 1] if to in steps else []):
            if status == OrderStatus.ACCEPTED:
                self.accept()
            else:
                orders.advance(order_id=self.id, runner_id=self.runner.id, to=status)
        return self

    def complete(self) -> Run:
        return self.begin(complete_order)

    def cancel(self, by: str = "customer", reason: str = "changed my mind") -> Run:
        return self.begin(cancel_order, by=by, reason=reason)

    def ends(self, run: Run, within: float = 45.0) -> Run:
        """The run, once the engine has nothing more to do with it."""
        eventually(lambda: Run.objects.get(pk=run.pk).status not in ACTIVE, within=within)
        return Run.objects.get(pk=run.pk)

    def settles(self, within: float = 45.0) -> "Lunch":
        """Itself, once no run about it is live."""
        mine = Run.objects.filter(key__startswith=str(self.id), status__in=LIVE)
        eventually(lambda: not mine.exists(), within=within)
        return self

    def pay_out(self, leg: str) -> Run:
        """The run that pays this leg."""
        return Run.objects.filter(saga="pay_out", key=f"{self.id}:{leg}").latest("started_at")

    def settlement(self) -> Run:
        """The newest run that settles what its customer owes."""
        runs = Run.objects.filter(saga="settle_claim", key=str(self.id))
        eventually(runs.exists)
        return runs.latest("started_at")

    @property
    def status(self) -> str:
        return Order.objects.values_list("status", flat=True).get(pk=self.id)

    def timers(self) -> dict[str, str]:
        """The newest due event of each type, and how it stands."""
        rows = ScheduledEvent.objects.filter(entity_id=self.id).order_by("created_at", "id")
        return dict(rows.values_list("event_type", "status"))

    def paid(self) -> dict[str, int]:
        """What the sandbox sent to restaurant and runner, and has not taken back."""
        made = client().v1.transfers.list({"transfer_group": str(self.id)}).data
        names = {"restaurant": self.owner, "runner": self.runner}
        accounts = {name: user.payout_account.stripe_account_id for name, user in names.items()}
        return {
            name: sum(
                one.amount - one.amount_reversed for one in made if one.destination == account
            )
            for name, account in accounts.items()
        }

    def owed(self) -> dict[str, int]:
        """What the books still owe restaurant and runner."""
        return {
            "restaurant": self.balance(Code.RESTAURANT_PAYABLE, self.restaurant.id),
            "runner": self.balance(Code.RUNNER_PAYABLE, self.runner.id),
        }

    def balance(self, code: Code, owner: UUID | None = None) -> int:
        """What the order's journals posted to an account, positive on its normal side."""
        legs = Entry.objects.filter(
            journal__order_id=self.id, account__code=code, layer=Layer.POSTED
        )
        if owner:
            legs = legs.filter(account__owner=owner)
        return sum(
            leg.amount if leg.side == NATURES[code].normal_side else -leg.amount for leg in legs
        )
