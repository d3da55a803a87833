"""One order that is lived move by move, by a worker that is this process: what there is to move.

What was ever published can be delivered at any time; at every point that is reached the life may
break off, or let others go first. The moves themselves are in `test_model.py`.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from hypothesis.stateful import RuleBasedStateMachine, invariant

from campusg.errors import CampusGError
from campusg.points import Point, listen
from orders.states import OrderStatus
from payments import janitor
from payments.models import Operation, Payment, PaymentStatus
from payments.stripe_events import EventState, Notice, Source, StripeEvent, store, try_again
from sagas.create_order import create_order
from sagas.engine import publishing
from sagas.engine.admission import Message
from sagas.engine.definition import Saga
from sagas.engine.hands import Told
from sagas.engine.local import run_local
from sagas.engine.remote import run_remote
from sagas.engine.starting import start
from sagas.models import ACTIVE, LIVE, Run, StepState
from sagas.operating import act_on
from sagas.stripe_events import follow_due
from tests.makers import at_stripe, requested
from tests.payments.webhooks import events_of
from tests.sagas.lunch import TOTAL, Lunch
from tests.sagas.placed import Placed

Deed = Callable[[], object]
MINUTE = timedelta(minutes=1)
#: What can only happen once to an order.
ONCE = (
    "order.pending_payment", "payment.authorized", "escrow.held", "order.created",
    "payment.captured", "escrow.captured", "escrow.released", "order.completed", "order.cancelled",
)  # fmt: skip
CALLS = ("/v1/payment_intents", "/v1/payment_intents/*/cancel", "/v1/payment_intents/*/capture",
         "/v1/transfers")  # fmt: skip
WHY = "The model says so."
OPEN = ("CREATED", "ACCEPTED", "PLACED", "ON_THE_WAY", "DELIVERED")
_UNBALANCED = """
SELECT e.layer FROM escrow_entry e JOIN escrow_journal j ON j.id = e.journal_id
 WHERE j.order_id = %s GROUP BY e.layer
HAVING sum(CASE e.side WHEN 'D' THEN e.amount ELSE -e.amount END) <> 0
"""


class Crash(BaseException):
    """The process is no more: nothing in it may catch this."""


class Another(Lunch):
    """One more order of the same people at the same kitchen."""

    def __init__(self, first: Lunch) -> None:
        self.customer, self.restaurant = first.customer, first.restaurant
        self.owner, self.runner = first.owner, first.runner
        Placed.__init__(self, first.customer, first.restaurant)


class Lived(RuleBasedStateMachine):
    """An order, every message about it that was ever published, and what was seen of its runs."""

    people: ClassVar[Lunch]
    #: Orders on whose money a person laid hands: what is left then is theirs to settle.
    excused: ClassVar[set[UUID]]
    #: What first went wrong, in any life.
    broke: ClassVar[Exception | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.published: list[Deed] = []
        self.seen: dict[UUID, tuple[int, bool, int]] = {}
        self.called = False
        self.breaks_off: Callable[[Point, UUID], None] | None = None
        self.order = Another(self.people)
        listen(self.hear)
        publishing.publish(self.order.run)

    def teardown(self) -> None:
        """Come to rest, unless a move has gone wrong."""
        broke = sys.exc_info()[1]
        try:
            if broke is None:
                self.comes_to_rest()
        except Exception as error:
            broke = error
            raise
        finally:
            listen(None)
            if isinstance(broke, Exception) and Lived.broke is None:
                Lived.broke = broke

    def comes_to_rest(self) -> None:
        """The end of the life, and what must be so then."""
        raise NotImplementedError

    # Messages and points.

    def hear(self, point: Point, of: UUID) -> None:
        """Keep what was published, and let the life break off here."""
        self.called |= point is Point.CALLED
        if point is Point.PUBLISHED and self.runs().filter(pk=of).exists():
            run = Run.objects.get(pk=of)
            path = Saga.registry[run.saga].path(run.position, forward=run.forward)
            self.published += [carried(run, at) for at in path]
        if self.breaks_off is not None:
            self.breaks_off(point, of)

    @contextmanager
    def broken_off_by(self, what: Callable[[Point, UUID], None]) -> Iterator[None]:
        self.breaks_off = what
        try:
            yield
        finally:
            self.breaks_off = None

    def message(self, which: int) -> Deed:
        """One of all that were ever published, the latest at -1."""
        return self.published[which % len(self.published)] if self.published else lambda: None

    def at_hand(self) -> list[Deed]:
        """The next step of each run."""
        running = self.live().filter(status__in=ACTIVE).order_by("id")
        return [carried(run, run.position) for run in running]

    def some_steps(self, times: int = 4) -> None:
        """Whatever comes next of each run, so many times."""
        for _ in range(times):
            for act in self.at_hand():
                act()

    def runs(self) -> QuerySet[Run]:
        return Run.objects.filter(key__startswith=str(self.order.id))

    def live(self) -> QuerySet[Run]:
        return self.runs().filter(status__in=LIVE)

    # The clock, and those who look.

    def leases_end(self) -> None:
        self.live().filter(lease_until__isnull=False).update(lease_until=Now() - MINUTE)

    def time_passes(self) -> None:
        """Everything that waits for a time is due."""
        self.live().filter(wake_at__isnull=False).update(wake_at=Now() - MINUTE)
        self.live().filter(not_before__isnull=False).update(not_before=Now() - MINUTE)
        self.operations().filter(next_try_at__isnull=False).update(next_try_at=Now() - MINUTE)

    def an_answer_is_overdue(self) -> None:
        """The order gives up on a call that nobody has answered."""
        unanswered = self.operations().filter(state__in=("sent", "unknown"))
        unanswered.update(sent_at=F("sent_at") - 20 * MINUTE)

    def the_janitor_comes(self) -> None:
        due = self.operations().filter(next_try_at__lte=Now())
        for payment_id in set(due.values_list("payment_id", flat=True)):
            janitor.resolve(str(payment_id))

    def stripe_tells(self, picks: list[int]) -> None:
        """Of what happened there, in any order and any number of times."""
        intent = Payment.objects.filter(order_id=self.order.id).values_list(
            "payment_intent", flat=True
        )
        events = events_of(str(self.order.id), intent.first() or "none")
        for event in [events[pick % len(events)] for pick in picks if events]:
            store([(Notice.of(event), "")], Source.WEBHOOK)
            try_again([event["id"]])
        while follow_due():
            pass

    def operations(self) -> QuerySet[Operation]:
        return Operation.objects.filter(order_id=self.order.id)

    # What is looked at.

    def unbalanced(self) -> list[Any]:
        """The layers of the order's journals that do not sum to zero."""
        with connection.cursor() as cursor:
            cursor.execute(_UNBALANCED, [self.order.id])
            return list(cursor.fetchall())

    def told_twice(self) -> list[str]:
        """The events that were told more than once and cannot happen twice."""
        told = Counter(self.order.events())
        return [name for name in ONCE if told[name] > 1]

    def broken_steps(self) -> list[str]:
        """Steps that raised what they should not: none ever does in these lives."""
        steps = (run.steps.filter(state=StepState.FAILED) for run in self.runs())
        return [f"{step.participant}: {step.error}" for these in steps for step in these]

    def money(self) -> dict[str, Any]:
        """What is held on the card and was taken of it, as Stripe has it."""
        if not self.order.intents():
            return {"held": [], "captured": 0}
        return {"held": self.order.held(), "captured": at_stripe(self.order.id)["captured"]}

    def money_expected(self) -> dict[str, Any]:
        """The same as the order's state has it, now that nothing is under way."""
        payment = Payment.objects.filter(order_id=self.order.id).first()
        status = OrderStatus(self.order.status)
        taken = payment.captured_amount if payment else 0
        if status in OPEN:
            return {"held": [TOTAL], "captured": 0}
        if status == OrderStatus.COMPLETED:
            return {"held": [], "captured": TOTAL}
        assert status == OrderStatus.CANCELLED, status
        assert payment is None or payment.status != PaymentStatus.AUTHORIZED
        return {"held": [], "captured": taken}

    # What is asked for, by requests and by hand.

    def asked(self, what: str) -> Run:
        if what == "create":
            facts = requested(self.order.id, self.order.customer, self.order.restaurant)
            return start(create_order, str(self.order.id), **facts)
        run: Run = getattr(self.order, what)()
        return run

    def lay(self, act: str, which: int, told: Told) -> bool:
        runs = list(self.live().order_by("id"))
        with suppress(CampusGError):
            return bool(runs and act_on(act, runs[which % len(runs)].pk, told, actor="model"))
        return False

    def facts_for(self, act: str, run: Run) -> dict[str, Any]:
        """Such as a person would give: those that the run knows."""
        saga = Saga.registry[run.saga]
        if act == "terminate" or not 0 < run.position <= saga.length:
            return {}
        learnt = {name for step in saga.steps for name in step.do.gives}
        wanted = saga.action(run.position, forward=run.forward).gives if act == "skip" else learnt
        return {name: run.facts[name] for name in wanted if name in run.facts}

    # What must always be so.

    @invariant()
    def one_authorization_stands_at_most(self) -> None:
        if self.called:
            assert len(self.order.held()) <= 1
            self.called = False

    @invariant()
    def the_ledger_sums_to_zero(self) -> None:
        assert self.unbalanced() == []

    @invariant()
    def no_money_is_both_taken_and_given_back(self) -> None:
        done = self.operations().filter(state="succeeded", kind__in=("capture", "void"))
        assert len(set(done.values_list("kind", flat=True))) <= 1

    @invariant()
    def no_run_goes_back_in_an_epoch(self) -> None:
        for run in self.runs().filter(status__in=ACTIVE):
            epoch, forward, position = self.seen.get(run.pk, (0, True, 0))
            assert run.epoch >= epoch
            if run.epoch == epoch:
                assert run.forward == forward, "it turned, and old messages are taken for new"
                assert run.position >= position if forward else run.position <= position
            self.seen[run.pk] = (run.epoch, run.forward, run.position)

    @invariant()
    def what_happens_once_is_told_once(self) -> None:
        assert self.told_twice() == []


def carried(run: Run, at: int) -> Deed:
    """The message of this step, as the run stands, and the worker that takes it."""
    act = Saga.registry[run.saga].action(at, forward=run.forward)
    return partial(run_remote if act.remote else run_local, Message(run.pk, at, run.epoch))


def no_other_post() -> None:
    """What Stripe told of other tests' orders is not followed here."""
    StripeEvent.objects.filter(state=EventState.RECEIVED).delete()
