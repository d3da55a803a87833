"""More schedules, both processes here: where the first stands still the second does its part.

Beside `test_schedules.py`, whose zombies have to be real: only a process that is stopped stops
renewing its leases. For these nothing is lost by it, because two processes of ours share nothing
but the database; whoever has to wait for a lock is a thread with a connection of its own.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now

from campusg.points import Point
from sagas.engine import publishing, store, sweeping
from sagas.engine.admission import Message
from sagas.engine.hands import Told
from sagas.engine.local import run_local
from sagas.engine.starting import compensate, enqueue
from sagas.engine.tasks import on_fail
from sagas.models import Run, RunStatus
from sagas.operating import act_on
from tests.sagas.conftest import At
from tests.sagas.engine import toys
from tests.sagas.engine.conftest import Toy
from tests.sagas.messages import carry, in_hand, to_its_end
from tests.threads import Second

pytestmark = [pytest.mark.schedule, pytest.mark.usefixtures("no_worker")]
NewToy = Callable[..., Toy]


@pytest.fixture(autouse=True)
def one_message_a_step(committed_db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing in the queue, nor due, whatever other tests have left there."""
    Run.objects.filter(wake_at__isnull=False).update(wake_at="2100-01-01T00:00Z")
    settings.SAGA_FAST_PATH = "off"
    monkeypatch.setattr(publishing, "queue_length", lambda **_: 0)


def is_late(toy: Toy) -> None:
    """So late that no other run comes before it."""
    Run.objects.filter(pk=toy.id).update(wake_at="2000-01-01T00:00Z")


@pytest.mark.fault(28)
def test_what_a_sweep_is_about_to_publish_another_leaves_alone(toy: NewToy, at: At) -> None:
    one = toy(toys.local_saga)
    is_late(one)
    at(Point.SWEPT, one.id, sweeping.sweep)
    sweeping.sweep()
    assert one.run.recovered == 1


@pytest.mark.fault(28)
def test_a_sweep_waits_for_nobody_who_is_at_work_on_a_run(toy: NewToy) -> None:
    one, other = toy(toys.local_saga), toy(toys.local_saga)
    is_late(one)
    is_late(other)
    with transaction.atomic():
        Run.objects.select_for_update().get(pk=one.id)
        assert Second(sweeping.sweep).comes_and_is_done() >= 1
    assert (one.run.recovered, other.run.recovered) == (0, 1)


@pytest.mark.fault(28)
def test_what_a_sweep_took_and_did_not_publish_the_next_one_does(toy: NewToy, at: At) -> None:
    one = toy(toys.local_saga)
    is_late(one)

    def dies() -> None:
        raise KeyboardInterrupt

    at(Point.SWEPT, one.id, dies)
    with pytest.raises(KeyboardInterrupt):
        sweeping.sweep()
    assert one.run.wake_at is not None, "the row is its own outbox"
    is_late(one)
    sweeping.sweep()
    assert one.run.recovered == 2


@pytest.mark.fault(32)
def test_two_errbacks_at_once_undo_each_step_once(toy: NewToy, at: At) -> None:
    one = toy(toys.local_saga, d="refuse")
    while one.run.forward:
        carry(one.id)
    at(Point.ERRBACK, one.id, lambda: on_fail(str(one.id)))
    on_fail(str(one.id))
    # Each has published every undo: two workers take each message, at the same moment.
    while act := in_hand(one.id):
        second = Second(act)
        at(Point.EFFECT, one.id, second.comes_and_waits_for_me)
        act()
        second.said()
    assert one.run.status == RunStatus.COMPENSATED
    assert one.effects() == ["a", "b", "c", "undo_c", "undo_b", "undo_a"]


@pytest.mark.fault(32)
def test_a_message_from_before_a_run_was_parked_is_stale_after_its_resume(toy: NewToy) -> None:
    one = toy(toys.pivot_saga, after="break")
    while one.run.status != RunStatus.PARKED:
        Run.objects.filter(pk=one.id).update(not_before=None)
        carry(one.id)
    assert one.run.epoch == 2
    act_on("resume", one.id, Told("it is mended"), actor="ines")
    tries = one.tries()
    for position in (1, 2, 3):
        run_local(Message(one.id, position, 1))
    assert one.tries() == tries
    assert (one.run.status, one.run.attempt) == (RunStatus.RUNNING, 0)
    carry(one.id)
    assert one.tries() != tries


@pytest.mark.fault(32)
@pytest.mark.parametrize("point", [Point.CLAIMED, Point.CALLED])
def test_a_zombie_that_wakes_up_after_a_resume_moves_nothing(
    toy: NewToy, at: At, point: Point
) -> None:
    one = toy(toys.remote_saga)
    carry(one.id)

    def paused_and_resumed() -> None:
        Run.objects.filter(pk=one.id).update(lease_until=None)
        act_on("pause", one.id, Told("wait a moment"), actor="ines")
        act_on("resume", one.id, Told("go on"), actor="ines")
        to_its_end(one.id)

    at(point, one.id, paused_and_resumed)
    carry(one.id)
    assert one.run.status == RunStatus.COMPLETED
    assert one.effects() == ["a", "remote", "remote", "b", "c"]
    assert one.remote() == {"remote": "on"}


@pytest.mark.fault(25)
def test_who_turns_a_run_round_waits_for_its_claim_and_fences_off_its_call(
    toy: NewToy, at: At
) -> None:
    one = toy(toys.remote_saga, remote="late:0")
    carry(one.id)
    second = Second(lambda: compensate(one.id, "no longer wanted"))
    at(Point.CLAIMING, one.id, second.comes_and_waits_for_me)
    carry(one.id)
    assert second.said().epoch == 2
    to_its_end(one.id)
    assert one.run.epoch == 2
    assert one.run.status == RunStatus.COMPENSATED
    assert one.remote()["remote"] == "off"


@pytest.mark.fault(31)
def test_a_run_that_was_never_published_is_found_once_it_is_late(toy: NewToy, at: At) -> None:
    def broken() -> None:
        raise LookupError("no such queue")

    at(Point.PUBLISHING, None, broken)
    one = toy(toys.local_saga)
    Run.objects.filter(pk=one.id).update(wake_at=Now() + timedelta(minutes=1))
    sweeping.sweep()
    assert one.run.recovered == 0, "it is not late yet"
    is_late(one)
    sweeping.sweep()
    assert one.run.recovered == 1


def test_a_run_that_ends_while_its_like_is_started_is_in_nobody_s_way(
    toy: NewToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, insert = toy(toys.local_saga), store.insert_run

    def then_it_ends(*row: Any) -> Run | None:
        monkeypatch.setattr(store, "insert_run", insert)
        inserted = insert(*row)
        assert inserted is None, "it was under way"
        Second(lambda: to_its_end(one.id)).comes_and_is_done()
        return inserted

    monkeypatch.setattr(store, "insert_run", then_it_ends)
    with transaction.atomic():
        again = enqueue(toys.local_saga, one.token, token=one.token, script={})
    assert one.run.status == RunStatus.COMPLETED
    assert again.pk != one.id
    to_its_end(again.pk)
