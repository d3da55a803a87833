"""A model of one order's life: any message at any time, crashes, zombies, hands, lost replies.

Hypothesis draws the life, and a worker that is this process lives it, without a broker. After
each move the order is held against what must always be so, and once everything is delivered and
nothing more fails, against what must be so in the end. `MODEL_LIVES` says how many lives are drawn,
`MODEL_SEED` with which the first is. Of the guards of docs/guards.md it has missed six by itself
within 20 lives: lock-first, fence, epoch, same-key, back-off, undo-of-begun.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import hypothesis
import pytest
from django.db.models.functions import Now
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from campusg.errors import CampusGError
from campusg.points import Point, listen
from orders import services as orders
from orders.states import OrderStatus
from payments.operations import now
from sagas.engine import publishing, sweeping
from sagas.engine.hands import Told
from sagas.engine.starting import compensate
from sagas.engine.tasks import on_fail
from sagas.models import PausedSaga
from sagas.operating import act_on, hold_back, pause_saga, resume_saga
from scheduler.models import ScheduledEvent
from scheduler.services import fire_due
from tests.conftest import forget_messages
from tests.sagas.living import CALLS, WHY, Crash, Deed, Lived, no_other_post
from tests.sagas.lunch import Lunch
from tests.threads import Second

pytestmark = [pytest.mark.story, pytest.mark.usefixtures("no_worker")]
LIVES = int(os.environ.get("MODEL_LIVES", "8"))
SEED = int(os.environ.get("MODEL_SEED", "1"))
MOVES = 30
TO_QUIET = 200  # far more than a life needs to end by itself
LOST_AT_MOST = 3  # replies, each of which costs a call

any_of_them = st.integers(0, 10_000)
anything = st.sampled_from(["create", "accept", "complete", "cancel"])
onward = [OrderStatus.ACCEPTED, OrderStatus.ON_THE_WAY, OrderStatus.DELIVERED]
# Most sagas are about what create_order has made, and most compensations are its own.
begun = [OrderStatus.PENDING] * 8 + [OrderStatus.CREATED, *onward]
# What ends a life early is rare, or few would come to their later steps.
rarely = st.integers(0, 3).map(lambda drawn: drawn == 3)
of_the_relay = (Point.RELAYING, Point.ACKNOWLEDGED, Point.MARKED)
points = st.sampled_from([point for point in Point if point not in of_the_relay])
in_a_call = st.sampled_from([Point.CLAIMED, Point.CALLED])
IN_A_TRANSACTION = (Point.EFFECT, Point.CLAIMING, Point.RECORDING)
others_do = st.sampled_from(
    ["steps", "turn steps", "cancel steps", "message", "event steps", "sweep janitor steps"]
)
HARMLESS = ["retry", "resume", "pause"]
BY_HAND = ["skip", "edit", "terminate"]
paused = st.sampled_from(["create_order", "complete_order", "cancel_order", "pay_out"])


class Life(Lived):
    """What may befall an order."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0

    @initialize(stage=st.sampled_from(begun), point=in_a_call, what=others_do, lost=st.booleans())
    def so_far(self, stage: OrderStatus, point: Point, what: str, lost: bool) -> None:
        """An order whose card is being asked, or that has come so far without a fault."""
        if stage != OrderStatus.PENDING:
            self.some_steps(TO_QUIET)
            self.order.bring(stage)
            self.some_steps(TO_QUIET)
        elif lost:
            self.a_reply_will_be_lost("drop_reply", CALLS[0])
        else:
            self.a_worker_sleeps_through_its_lease(point, what, 0)

    # Requests.

    @rule(what=anything)
    def is_asked_for(self, what: str) -> None:
        """Somebody asks; who asks for what is under way is told of that run."""
        mine = self.live().filter(saga=f"{what}_order").first()
        if mine is not None and mine.facts.get("by", "customer") == "customer":
            assert self.asked(what).pk == mine.pk, f"{what} is begun twice"
        else:
            with suppress(CampusGError):
                self.asked(what)

    @rule(to=st.sampled_from(onward))
    def is_brought_on(self, to: OrderStatus) -> None:
        with suppress(CampusGError):
            orders.advance(order_id=self.order.id, runner_id=self.order.runner.id, to=to)

    @rule(turned=rarely)
    def is_turned_round(self, turned: bool) -> None:
        for run in self.live() if turned else ():
            with suppress(CampusGError):
                compensate(run.pk, WHY)

    # Messages.

    @rule(which=any_of_them | st.integers(-4, -1), times=st.integers(1, 3))
    def any_message_comes(self, which: int, times: int) -> None:
        for _ in range(times):
            self.message(which)()

    @rule(times=st.integers(1, 4))
    def the_next_messages_come(self, times: int) -> None:
        self.some_steps(times)

    @rule()
    def two_workers_take_each_message_at_once(self) -> None:
        """The second comes while the first is in its transaction: it waits, and does nothing."""
        for act in self.at_hand():
            second, did = Second(act), []

            def meets(reached: Point, of: UUID, second: Second = second, did: Any = did) -> None:
                if reached in IN_A_TRANSACTION and second.is_me:
                    did.append(reached)
                elif reached in IN_A_TRANSACTION and not second.came:
                    second.comes_and_waits_for_me()

            with self.broken_off_by(meets):
                act()
                said = second.said() if second.came else None
            assert not isinstance(said, Exception), said
            assert did == [], "both did it"

    @rule()
    def the_errback_comes_twice(self) -> None:
        for run in [*self.runs()] * 2:
            on_fail(str(run.pk))

    # Processes.

    @rule(point=points, asked=st.none() | anything)
    def the_process_dies(self, point: Point, asked: str | None) -> None:
        """As the next step is done, or in the request that asks for something."""

        def die(reached: Point, of: UUID) -> None:
            if reached == point:
                raise Crash

        deeds: list[Deed] = [*self.at_hand(), sweeping.sweep]
        for deed in [partial(self.is_asked_for, asked)] if asked else deeds:
            with self.broken_off_by(die), suppress(Crash):
                deed()

    @rule(point=in_a_call, what=others_do, which=any_of_them)
    def a_worker_sleeps_through_its_lease(self, point: Point, what: str, which: int) -> None:
        """While it sleeps others go on; then it comes back to its call or to its record."""

        def others(reached: Point, of: UUID) -> None:
            if reached == point:
                self.breaks_off = None
                self.leases_end()
                for deed in what.split():
                    self.others_do(deed, which)

        for act in self.at_hand():
            with self.broken_off_by(others):
                act()

    def others_do(self, what: str, which: int) -> None:
        deeds: dict[str, Deed] = {
            "turn": partial(self.is_turned_round, True),
            "cancel": partial(self.is_asked_for, "cancel"),
            "steps": self.some_steps,
            "message": self.message(which),
            "event": partial(self.stripe_tells, [which, which + 1]),
            "sweep": sweeping.sweep,
            "janitor": self.the_janitor_comes,
        }
        deeds[what]()

    @rule(kind=st.sampled_from(["drop_reply", "drop_request", "conflict"]),
          path=st.sampled_from(CALLS))  # fmt: skip
    def a_reply_will_be_lost(self, kind: str, path: str) -> None:
        if self.lost < LOST_AT_MOST:
            self.lost += 1
            self.order.fault(kind, path=path)

    # The clock, and those who look.

    @rule(leases=st.booleans(), overdue=rarely, janitor=st.booleans())
    def the_clock_goes_on(self, leases: bool, overdue: bool, janitor: bool) -> None:
        self.time_passes()
        chosen = (leases, self.leases_end), (overdue, self.an_answer_is_overdue)
        for wanted, deed in (*chosen, (janitor, self.the_janitor_comes)):
            if wanted:
                deed()

    @rule(kind=st.sampled_from(["ORDER_TIMEOUT", "DELIVERY_REMINDER", "ESCROW_TIMEOUT"]))
    def a_timer_runs_out(self, kind: str) -> None:
        mine = ScheduledEvent.objects.filter(entity_id=self.order.id, event_type=kind)
        mine.filter(status="PENDING").update(due_at=Now())
        fire_due()

    @rule(times=st.integers(1, 3))
    def the_sweep_comes(self, times: int) -> None:
        """It looks ever more rarely at what does not move."""
        for _ in range(times):
            self.live().filter(wake_at__isnull=False).update(wake_at="2000-01-01T00:00Z")
            began = now()
            sweeping.sweep()
            soon = {"wake_at__gt": began, "wake_at__lt": began + timedelta(seconds=2)}
            assert not self.live().filter(sweeps__gte=2, **soon).exists()

    @rule(picks=st.lists(any_of_them, min_size=1, max_size=4))
    def stripe_tells_of_it(self, picks: list[int]) -> None:
        self.stripe_tells(picks)

    # People.

    @rule(act=st.sampled_from(HARMLESS), turns=rarely, which=any_of_them)
    def a_person_acts(self, act: str, turns: bool, which: int) -> None:
        self.lay("compensate" if turns else act, which, Told(WHY))

    @rule(act=st.sampled_from(BY_HAND), which=any_of_them, wanted=rarely, even_so=st.booleans())
    def a_person_sees_to_it(self, act: str, which: int, wanted: bool, even_so: bool) -> None:
        """What a person says they have done, nobody else does."""
        run = self.live().order_by("id").first() if wanted else None
        if run and self.lay(act, 0, Told(WHY, self.facts_for(act, run), even_so=even_so)):
            self.excused.add(self.order.id)

    @rule(saga=paused)
    def a_whole_saga_is_paused_or_resumed(self, saga: str) -> None:
        resumed = PausedSaga.objects.filter(saga=saga).exists()
        (resume_saga if resumed else pause_saga)(saga, reason=WHY, actor="model")
        hold_back()

    # And in the end.

    def comes_to_rest(self) -> None:
        """Nothing fails any more, paused runs are resumed, and what was lost is found."""
        self.breaks_off = None
        for saga in PausedSaga.objects.values_list("saga", flat=True):
            resume_saga(saga, reason=WHY, actor="model")
        for _ in range(TO_QUIET):
            self.time_passes()
            self.leases_end()
            for run in self.live().exclude(paused=""):
                act_on("resume", run.pk, Told("The model is over."), actor="model")
            self.the_janitor_comes()
            if not self.at_hand():
                break
            self.some_steps()
        self.no_run_goes_back_in_an_epoch()
        ends = {(run.saga, run.status, run.reason) for run in self.runs()}
        assert not self.at_hand(), ends
        if self.order.id not in self.excused:
            assert self.broken_steps() == []
            assert not self.live().exists(), ends
            assert self.money() == self.money_expected(), ends


@pytest.fixture
def alone(committed_db: None, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """Nothing goes by the clock of a busy machine, and nothing by what lies in the broker."""
    settings.SAGA_FAST_PATH = "off"
    settings.AUTHORIZATION_GIVE_UP_SECONDS = 900
    settings.STRIPE_BREAKER_FAILURES = 10_000
    settings.UNPAID_ORDERS_MAX = 1_000_000
    monkeypatch.setattr(publishing, "queue_length", lambda **_: 0)
    no_other_post()
    yield
    listen(None)
    PausedSaga.objects.all().delete()
    forget_messages()


@pytest.mark.fault(1, 2, 25, 26, 27, 28, 32)
def test_no_life_of_an_order_loses_or_doubles_its_money(books: set[UUID], alone: None) -> None:
    Life.people, Life.excused = Lunch(), books
    # The simplest life, and one by chance: of many in a row most would be like each other. None is
    # shrunk: that would be to live it hundreds of times.
    drawn = hypothesis.settings(
        max_examples=2, stateful_step_count=MOVES, deadline=None, database=None,
        phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    for seed in range(SEED, SEED + LIVES):
        try:
            run_state_machine_as_test(hypothesis.seed(seed)(Life), settings=drawn)
        except Exception as error:
            # Hypothesis lives it once more, and it may go otherwise: what counts is the first.
            first = Life.broke or error
            first.add_note(f"the same life again: make model MODEL_SEED={seed} MODEL_LIVES=1")
            raise first from None
