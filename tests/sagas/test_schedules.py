"""Orders in fixed schedules: who is in the midst of what when somebody else wants something.

`test_races.py` lets them go at once and sees who wins; here each meets the other at a point that
is named. The second is this process, or a thread with a connection of its own where it has to
wait for a lock: two processes of ours share nothing but the database.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db.models.functions import Now

from campusg.errors import Refused
from campusg.points import Point
from orders.states import OrderStatus
from sagas.engine.admission import Message
from sagas.engine.definition import Saga
from sagas.engine.local import run_local
from sagas.engine.remote import run_remote
from sagas.engine.starting import compensate
from sagas.models import ACTIVE, Run, RunStatus
from scheduler.models import ScheduledEvent
from scheduler.services import fire_due
from tests.makers import at_stripe, make_customer, make_restaurant
from tests.sagas.conftest import At, everything
from tests.sagas.lunch import TOTAL, Lunch
from tests.sagas.messages import carry, to_its_end
from tests.sagas.placed import Placed
from tests.threads import Second

pytestmark = [pytest.mark.schedule, pytest.mark.usefixtures("no_worker", "books")]
S = OrderStatus


@pytest.fixture(autouse=True)
def one_message_a_step(settings: Any) -> None:
    settings.SAGA_FAST_PATH = "off"


def lunch(to: OrderStatus | None = S.CREATED) -> Lunch:
    """An order that has come so far, every step of it done here."""
    order = Lunch()
    if to is not None:
        to_its_end(order.run_id)
        order.bring(to)
    return order


def settle(order: Lunch) -> Lunch:
    """All that is under way about it, to its end."""
    runs = Run.objects.filter(key__startswith=str(order.id), status__in=ACTIVE)
    while run := runs.order_by("started_at", "id").first():
        Run.objects.filter(pk=run.pk).update(not_before=None, lease_until=None)
        carry(run.pk)
    return order


def runs_out(order: Lunch) -> None:
    """Its timer is due."""
    timer = ScheduledEvent.objects.filter(entity_id=order.id, event_type="ORDER_TIMEOUT")
    timer.update(due_at=Now())


def timed_out(order: Lunch) -> Run:
    """The run that its timeout has started."""
    return Run.objects.get(saga="cancel_order", key=str(order.id))


def refused(deed: Callable[[], object]) -> None:
    with pytest.raises(Refused) as refusal:
        deed()
    assert refusal.value.status == 409


# Timeout against accept.


@pytest.mark.fault(26)
def test_a_timeout_passes_by_an_order_that_is_just_being_accepted(at: At) -> None:
    order = lunch()
    runs_out(order)

    def fires() -> None:
        assert isinstance(Second(fire_due).comes_and_is_done(), int), "it waits for nobody"

    at(Point.STARTING, None, fires)
    order.accept()
    fire_due()
    assert order.status == S.ACCEPTED
    assert order.timers()["ORDER_TIMEOUT"] == "CANCELLED"
    assert not Run.objects.filter(saga="cancel_order", key=str(order.id)).exists()
    assert order.held() == [TOTAL]


@pytest.mark.fault(26)
def test_a_timeout_that_has_fired_comes_too_late_once_a_runner_has_it() -> None:
    order = lunch()
    runs_out(order)
    fire_due()
    order.accept()
    to_its_end(timed_out(order).pk)
    assert order.status == S.ACCEPTED
    assert timed_out(order).status == RunStatus.COMPENSATED
    assert order.timers()["ORDER_TIMEOUT"] == "IGNORED"
    assert order.held() == [TOTAL]


@pytest.mark.fault(26)
def test_who_accepts_while_a_timeout_takes_the_order_waits_and_is_refused(at: At) -> None:
    order = lunch()
    runs_out(order)
    fire_due()
    runner = Second(order.accept)
    at(Point.EFFECT, timed_out(order).pk, runner.comes_and_waits_for_me)
    to_its_end(timed_out(order).pk)
    assert runner.said().status == 409
    assert settle(order).status == S.CANCELLED
    assert order.held() == []


# Cancel against authorize, capture and void.


@pytest.mark.fault(2, 25)
@pytest.mark.parametrize("point", [Point.CALLED, Point.RECORDED])
def test_an_order_called_off_while_its_card_is_asked_holds_nothing(at: At, point: Point) -> None:
    placed = Placed(make_customer(), make_restaurant())

    def called_off() -> None:
        compensate(placed.run_id, "changed my mind")
        to_its_end(placed.run_id)

    at(point, placed.run_id, called_off)
    to_its_end(placed.run_id)
    undone(placed)


@pytest.mark.fault(2, 25)
@pytest.mark.parametrize("point", [Point.CLAIMING, Point.RECORDING])
def test_who_calls_an_order_off_waits_for_what_is_being_written(at: At, point: Point) -> None:
    placed = Placed(make_customer(), make_restaurant())
    customer = Second(partial(compensate, placed.run_id, "changed my mind"))
    at(point, placed.run_id, customer.comes_and_waits_for_me)
    carry(placed.run_id)
    assert isinstance(customer.said(), Run)
    to_its_end(placed.run_id)
    undone(placed)


def undone(placed: Placed) -> None:
    assert (placed.run.status, placed.order.status) == (RunStatus.COMPENSATED, S.CANCELLED)
    assert placed.held() == []
    assert placed.intents() == 1


@pytest.mark.fault(26, 27)
@pytest.mark.parametrize("point", [Point.CLAIMED, Point.CALLED])
def test_while_its_money_is_being_taken_nobody_ends_an_order_otherwise(
    at: At, point: Point
) -> None:
    order = lunch(S.DELIVERED)
    run = order.complete()

    def others() -> None:
        refused(lambda: order.cancel(by="ops", reason="it never came"))
        refused(lambda: order.begin(Saga.registry["end_overdue"], reason="too long"))

    at(point, run.pk, others)
    assert settle(order).status == S.COMPLETED
    assert at_stripe(order.id)["captured"] == TOTAL
    assert order.events().count("order.completed") == 1


@pytest.mark.fault(27)
@pytest.mark.parametrize("point", [Point.CLAIMED, Point.CALLED])
def test_while_its_money_is_being_given_back_nobody_completes_an_order(
    at: At, point: Point
) -> None:
    order = lunch(S.DELIVERED)
    run = order.cancel(by="ops", reason="it never came")
    at(point, run.pk, lambda: refused(order.complete))
    assert settle(order).status == S.CANCELLED
    assert (at_stripe(order.id)["captured"], order.held()) == (0, [])


@pytest.mark.fault(2, 32)
@pytest.mark.parametrize("point", [Point.CLAIMED, Point.CALLED])
def test_a_zombie_s_capture_takes_nothing_that_another_has_taken(at: At, point: Point) -> None:
    order = lunch(S.DELIVERED)
    run = order.complete()

    def others() -> None:
        Run.objects.filter(pk=run.pk).update(lease_until=None)
        settle(order)
        before.extend(everything(order.id))

    before: list[Any] = []
    at(point, run.pk, others)
    carry(run.pk)
    assert everything(order.id) == before
    assert at_stripe(order.id)["captured"] == TOTAL


# Every message again, at each later state.


@pytest.mark.fault(32)
@pytest.mark.parametrize(
    "asked",
    [
        lambda: lunch(None).run,
        lambda: turned(lunch(None).run),
        lambda: lunch(S.DELIVERED).complete(),
        lambda: lunch(S.ON_THE_WAY).cancel(by="ops", reason="it never came"),
    ],
    ids=["create_order", "create_order undone", "complete_order", "cancel_order"],
)
def test_a_step_delivered_again_at_each_later_state_changes_nothing(
    asked: Callable[[], Run],
) -> None:
    run = asked()
    while True:
        before = everything(run.facts["order_id"])
        every_other_message(run.pk)
        assert everything(run.facts["order_id"]) == before
        if not carry(run.pk):
            break


def turned(run: Run) -> Run:
    """Turned round as late as it may be."""
    while Run.objects.get(pk=run.pk).position < Saga.registry[run.saga].last_turn:
        carry(run.pk)
    return compensate(run.pk, "no longer wanted")


def every_other_message(run_id: Any) -> None:
    """All that the run could ever have sent but what is at hand, under each of its epochs."""
    run = Run.objects.get(pk=run_id)
    saga = Saga.registry[run.saga]
    for epoch in range(1, run.epoch + 2):
        for position in range(1, saga.length + 1):
            for act in filter(None, (saga.step(position).do, saga.step(position).compensate)):
                message = Message(run.pk, position, epoch)
                if message != Message(run.pk, run.position, run.epoch):
                    (run_remote if act.remote else run_local)(message)
