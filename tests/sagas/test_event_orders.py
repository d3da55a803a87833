"""Whatever of Stripe's events arrives, when, in which order and how often: the same end.

An order is lived through its sagas in this process, step by step. At every call to Stripe, before
and after its effect, events are delivered as the dice fall, and the reply may be lost.
`EVENT_ORDERS` says how many such lives are tried: 5 unless told, 500 in `make event-orders`.
"""

import os
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import hypothesis
import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from escrow.models import Entry
from events.models import OutboxEvent
from orders.models import Order
from payments import stripe_events
from payments.gateway import Outcome, Reply
from payments.models import Operation, Payment
from payments.stripe_events import EventState, Notice, Source, StripeEvent
from sagas.engine.admission import Message
from sagas.engine.definition import saga_named
from sagas.engine.local import run_local
from sagas.engine.participant import RemoteParticipant
from sagas.engine.remote import run_remote
from sagas.models import ACTIVE, Run
from sagas.stripe_events import follow_due
from tests.conftest import forget_messages
from tests.makers import at_stripe
from tests.payments.webhooks import events_of
from tests.sagas.lunch import Lunch
from tests.sagas.placed import Placed

pytestmark = [pytest.mark.story, pytest.mark.usefixtures("no_worker", "books")]
LIVES = int(os.environ.get("EVENT_ORDERS", "5"))
LOST_AT_MOST = 2
MAKE_CALL = RemoteParticipant.make_call


class Another(Lunch):
    """One more order of the same people at the same kitchen."""

    def __init__(self, first: Lunch) -> None:
        self.customer, self.restaurant = first.customer, first.restaurant
        self.owner, self.runner = first.owner, first.runner
        Placed.__init__(self, first.customer, first.restaurant)


class Post:
    """Stripe's post about one order, delivered as the dice fall."""

    def __init__(self, order: Lunch, dice: Random) -> None:
        self.order, self.dice = order, dice
        self.lost: Counter[Any] = Counter()

    def around(self, act: RemoteParticipant, call: Any) -> Reply:
        """A call, with what comes between its operation and its effect, and before its record."""
        self.some()
        reply: Reply = MAKE_CALL(act, call)
        self.some()
        if self.lost[call.operation_id] < LOST_AT_MOST and self.dice.random() < 0.5:
            self.lost[call.operation_id] += 1
            return Reply(Outcome.UNKNOWN, code="lost", read_only=self.dice.random() < 0.5)
        return reply

    def some(self) -> None:
        """A few of the events that there are, in any order, some of them again."""
        events = events_of(str(self.order.id), self.order.payment.payment_intent or "none")
        if events:
            self.deliver(self.dice.choices(events, k=self.dice.randrange(5)))

    def all_of_it(self) -> None:
        """In the end everything has come, twice, in whatever order."""
        events = events_of(str(self.order.id), self.order.payment.payment_intent)
        for _ in range(2):
            self.deliver(self.dice.sample(events, len(events)))

    def deliver(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            stripe_events.store([(Notice.of(event), "")], Source.WEBHOOK)
            stripe_events.try_again([event["id"]])
            while follow_due():
                pass


def live(order: Lunch) -> None:
    """Take every step of the order's runs that there is, here and now."""
    while True:
        runs = Run.objects.filter(key__startswith=str(order.id), status__in=ACTIVE)
        run = runs.order_by("started_at", "id").first()
        if run is None:
            return
        Run.objects.filter(pk=run.pk).update(not_before=None, lease_until=None)
        saga = saga_named(run.saga)
        assert saga is not None
        act = saga.action(run.position, forward=run.forward)
        message = Message(run.pk, run.position, run.epoch)
        (run_remote if act.remote else run_local)(message)


def whole_life(order: Lunch) -> None:
    live(order)
    order.bring()
    order.complete()
    live(order)


def end_of(order: Lunch) -> dict[str, Any]:
    """All that must not depend on the post."""
    entries = Entry.objects.filter(journal__order_id=order.id)
    books = entries.values_list("account__code", "layer", "side").annotate(Sum("amount"))
    seen = at_stripe(order.id)
    return {
        "order": Order.objects.values_list("status", flat=True).get(pk=order.id),
        "payment": Payment.objects.values_list("status", "captured_amount", "stripe_fee").get(
            order_id=order.id
        ),
        "operations": sorted(
            Operation.objects.filter(order_id=order.id).values_list("kind", "n", "state")
        ),
        "books": sorted(books),
        "told": sorted(
            OutboxEvent.objects.filter(aggregateid=order.id).values_list("type", flat=True)
        ),
        "stripe": {name: value for name, value in seen.items() if isinstance(value, int)},
        "intents": order.intents(),
    }


@pytest.fixture(scope="module")
def first(request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any) -> Any:
    """An order whose replies all came and of whom no event was told."""
    with django_db_blocker.unblock():
        order = Lunch()
        whole_life(order)
        yield order


@pytest.fixture(autouse=True)
def no_other_post(committed_db: None) -> Iterator[None]:
    StripeEvent.objects.filter(state=EventState.RECEIVED).delete()
    yield
    forget_messages()


@pytest.mark.fault(9, 10, 11, 12, 20)
def test_any_post_in_any_order_comes_to_the_same_end(
    first: Lunch, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    # On a busy machine a life may take longer than a test's orders are given to be paid.
    settings.AUTHORIZATION_GIVE_UP_SECONDS = 900
    expected = end_of(first)
    assert expected["order"] == "COMPLETED"

    @hypothesis.settings(
        max_examples=LIVES,
        # Asked for a number of lives, it goes where nobody was.
        derandomize="EVENT_ORDERS" not in os.environ,
        database=None,
        # A life takes long, and shrinking would try hundreds; the seed repeats this one.
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(seed=st.integers(0, 2**32))
    def a_life(seed: int) -> None:
        order = Another(first)
        post = Post(order, Random(seed))
        monkeypatch.setattr(RemoteParticipant, "make_call", lambda *call: post.around(*call))
        whole_life(order)
        before = end_of(order)
        post.all_of_it()
        assert before == end_of(order) == expected

    a_life()
