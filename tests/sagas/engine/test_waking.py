"""What wakes a run: a signal, the sweep, the errback. And what happens when messages are lost."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.db.models.functions import Now

from campusg.errors import Conflict
from campusg.points import Point, listen
from payments.operations import now
from sagas.engine import sweeping
from sagas.engine.starting import NoLiveRun, compensate, enqueue, enqueue_many, signal, start
from sagas.engine.tasks import on_fail
from sagas.models import Run, RunStatus
from tests.conftest import Worker, eventually, forget_messages
from tests.sagas.engine import toys
from tests.sagas.engine.conftest import Toy

pytestmark = pytest.mark.story
MakeToy = Callable[..., Toy]


def messages_wait(monkeypatch: pytest.MonkeyPatch, count: int, behind: int = 0) -> None:
    """The broker says that so many wait, and so many in the background."""
    monkeypatch.setattr(
        sweeping.publishing, "queue_length", lambda *, background=False: (count, behind)[background]
    )


def in_background(count: int) -> list[Run]:
    """Toy runs that nobody waits for, and no others in the background that could be due."""
    Run.objects.filter(background=True, wake_at__isnull=False).update(wake_at="2100-01-01T00:00Z")
    keys = [uuid4().hex for _ in range(count)]
    enqueue_many("toy_remote", [(key, {"token": key, "script": {}}) for key in keys])
    return [Run.objects.get(key=key) for key in keys]


def test_a_signal_wakes_the_run_that_waits_for_it(worker: Worker, toy: MakeToy) -> None:
    one = toy(toys.wait_saga)
    eventually(lambda: one.run.status == RunStatus.WAITING)
    assert not signal(one.id, "something else")
    with toys.own_cursor() as cursor:
        cursor.execute("INSERT INTO toy_try (token, name) VALUES (%s, 'go')", [one.token])
    assert signal(one.id, "go")
    assert one.rests().status == RunStatus.COMPLETED
    assert not signal(one.id, "go")


def test_a_waiting_run_can_be_turned_round(worker: Worker, toy: MakeToy) -> None:
    one = toy(toys.wait_saga)
    eventually(lambda: one.run.status == RunStatus.WAITING)
    compensate(one.id, "no longer wanted")
    assert one.rests().status == RunStatus.COMPENSATED
    assert one.effects()[-1] == "undo_a"
    assert one.run.reason == "no longer wanted"


def test_after_the_pivot_nobody_turns_a_run_round(no_worker: None, toy: MakeToy) -> None:
    one = toy(toys.pivot_saga)
    Run.objects.filter(pk=one.id).update(position=3)
    with pytest.raises(NoLiveRun):
        compensate(one.id, "too late")
    Run.objects.filter(pk=one.id).update(status=RunStatus.PARKED, wake_at=None)


def test_while_a_far_pivot_is_being_called_nobody_turns_a_run_round(
    worker: Worker, toy: MakeToy
) -> None:
    one = toy(toys.far_pivot_saga, remote="late:1")
    eventually(lambda: one.run.lease_until)
    with pytest.raises(NoLiveRun):
        compensate(one.id, "too late")
    assert one.rests().status == RunStatus.COMPLETED


@pytest.mark.fault(31)
def test_runs_whose_messages_were_all_lost_are_finished_by_the_sweep(
    worker: Worker, toy: MakeToy
) -> None:
    worker.stop()
    runs = [toy(toys.remote_saga) for _ in range(5)]
    forget_messages()
    worker.start()
    for one in runs:
        assert one.rests().status == RunStatus.COMPLETED
        assert one.run.recovered >= 1


@pytest.mark.fault(32)
def test_a_lost_errback_costs_a_second_and_a_doubled_one_nothing(
    worker: Worker, toy: MakeToy
) -> None:
    one = toy(toys.local_saga, d="refuse")
    one.rests()
    for _ in range(3):
        on_fail.delay(str(one.id))
    two = toy(toys.local_saga, d="refuse")
    two.rests()
    assert one.effects() == two.effects() == ["a", "b", "c", "undo_c", "undo_b", "undo_a"]


def test_the_sweep_leaves_alone_what_is_not_due_and_what_is_leased(
    no_worker: None, toy: MakeToy
) -> None:
    one = toy(toys.remote_saga)
    Run.objects.filter(pk=one.id).update(wake_at="2100-01-01T00:00Z")
    sweeping.sweep()
    assert one.run.recovered == 0
    Run.objects.filter(pk=one.id).update(
        wake_at="2020-01-01T00:00Z", lease_until="2100-01-01T00:00Z"
    )
    sweeping.sweep()
    assert one.run.recovered == 0
    Run.objects.filter(pk=one.id).update(lease_until=None)
    sweeping.sweep()
    assert one.run.recovered == 1


def test_a_run_that_stands_still_is_swept_ever_more_rarely(
    no_worker: None, toy: MakeToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages_wait(monkeypatch, sweeping.SHORT_QUEUE)
    one = toy(toys.local_saga)
    for seconds in (1, 2, 4, 8, 16):
        Run.objects.filter(pk=one.id).update(wake_at="2020-01-01T00:00Z")
        began = now()
        sweeping.sweep()
        wait, looks_again = timedelta(seconds=seconds), one.run.wake_at
        assert looks_again is not None
        assert began + wait <= looks_again <= now() + wait


def test_the_sweep_adds_nothing_to_a_long_queue(
    no_worker: None, toy: MakeToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages_wait(monkeypatch, sweeping.QUEUE_LIMIT + 1)
    one = toy(toys.local_saga)
    Run.objects.filter(pk=one.id).update(wake_at="2020-01-01T00:00Z")
    assert sweeping.sweep() == 0
    assert one.run.recovered == 0


def test_a_run_that_somebody_waits_for_overtakes_all_in_the_background(
    no_worker: None, toy: MakeToy, new_worker: Callable[..., Worker]
) -> None:
    behind = in_background(10)
    sweeping.sweep()
    assert sweeping.publishing.queue_length(background=True) == 10
    one = toy(toys.remote_saga)
    new_worker("-P", "solo")
    ended = one.rests().ended_at
    assert not Run.objects.filter(pk__in=[run.pk for run in behind], ended_at__lt=ended).exists()
    eventually(lambda: all(Run.objects.get(pk=run.pk).ended_at for run in behind))


def test_the_background_fills_up_a_short_queue_and_waits_while_it_is_long(
    no_worker: None, toy_tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Run.objects.filter(pk__in=[run.pk for run in in_background(12)])
    runs.update(wake_at="2020-01-01T00:00Z")
    messages_wait(monkeypatch, sweeping.SHORT_QUEUE - 10, behind=10)
    sweeping.sweep()
    assert runs.filter(recovered=1).count() == 0
    messages_wait(monkeypatch, 0, behind=sweeping.SHORT_QUEUE - 10)
    sweeping.sweep()
    assert runs.filter(recovered=1).count() == 10
    runs.update(wake_at="2100-01-01T00:00Z")


def test_in_the_background_what_has_begun_goes_on_before_another_begins(
    no_worker: None, toy_tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, other = in_background(2)
    Run.objects.filter(pk=begun.pk).update(position=3, wake_at="2021-01-01T00:00Z")
    Run.objects.filter(pk=other.pk).update(wake_at="2020-01-01T00:00Z")
    messages_wait(monkeypatch, 0, behind=sweeping.SHORT_QUEUE - 1)
    sweeping.sweep()
    assert [Run.objects.get(pk=run.pk).recovered for run in (begun, other)] == [1, 0]
    Run.objects.filter(pk__in=[begun.pk, other.pk]).update(wake_at="2100-01-01T00:00Z")


# Starting.


def test_leading_local_steps_run_in_the_callers_transaction(
    committed_db: None, toy: MakeToy
) -> None:
    with transaction.atomic():
        run = start(toys.remote_saga, "lead-1", token="lead-1", script={})
        assert run.position == 2
        transaction.set_rollback(True)
    assert not Run.objects.filter(key="lead-1").exists()


def test_a_refusal_of_a_leading_step_is_the_callers_answer_and_leaves_nothing(toy: MakeToy) -> None:
    with pytest.raises(toys.ToyRefused):
        start(toys.remote_saga, "lead-2", token="lead-2", script={"a": "refuse"})
    assert not Run.objects.filter(key="lead-2").exists()


def test_one_live_run_per_key_and_the_same_facts_return_it(no_worker: None, toy: MakeToy) -> None:
    first = enqueue(toys.wait_saga, "key-1", token="key-1", script={})
    assert enqueue(toys.wait_saga, "key-1", token="key-1", script={}).pk == first.pk
    with pytest.raises(Conflict):
        enqueue(toys.wait_saga, "key-1", token="key-1", script={"a": "refuse"})
    Run.objects.filter(pk=first.pk).update(
        status=RunStatus.COMPENSATED, wake_at=None, ended_at=Now()
    )
    assert enqueue(toys.wait_saga, "key-1", token="key-1", script={}).pk != first.pk


def test_a_run_begun_under_another_table_is_left_to_the_code_that_knows_it(
    worker: Worker, toy: MakeToy
) -> None:
    worker.stop()
    one = toy(toys.local_saga)
    Run.objects.filter(pk=one.id).update(fingerprint="older")
    worker.start()
    eventually(lambda: one.run.not_before)
    assert "older" in one.run.reason
    assert one.effects() == []
    Run.objects.filter(pk=one.id).update(status=RunStatus.PARKED, wake_at=None)


def test_a_run_of_a_saga_that_this_code_does_not_have_holds_up_no_other(
    no_worker: None, toy: MakeToy
) -> None:
    unknown, known = toy(toys.local_saga), toy(toys.local_saga)
    Run.objects.filter(pk=unknown.id).update(saga="of_tomorrow", wake_at="2020-01-01T00:00Z")
    Run.objects.filter(pk=known.id).update(wake_at="2020-01-02T00:00Z")
    assert sweeping.sweep() >= 2
    Run.objects.filter(pk__in=[unknown.id, known.id]).update(status=RunStatus.PARKED, wake_at=None)


def test_whatever_goes_wrong_when_a_run_is_published_is_not_its_caller_s(
    toy: Callable[..., Toy], no_worker: None, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(point: Point, run_id: UUID) -> None:
        if point is Point.PUBLISHING:
            raise LookupError("no such queue")

    listen(broken)
    try:
        one = toy(toys.local_saga)
    finally:
        listen(None)
    assert one.run.status == RunStatus.RUNNING
    assert "no such queue" in caplog.text
