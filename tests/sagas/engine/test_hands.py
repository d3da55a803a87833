"""Hands on a run: each act on toy runs of a real worker; what it may not do, it says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from sagas import operating
from sagas.engine.hands import HANDS, NotNow, Told
from sagas.models import Action, PausedSaga, Run, RunStatus
from tests.conftest import Worker, eventually
from tests.sagas.engine import toys
from tests.sagas.engine.conftest import Toy
from tests.sagas.messages import carry, to_its_end
from tests.threads import Second

NewToy = Callable[..., Toy]
WHY = "the kitchen called"


@pytest.fixture
def pause_all(committed_db: None) -> Iterator[Callable[[str], int]]:
    """Pause a whole saga; the database outlives the test, so nothing may stay paused."""
    yield partial(operating.pause_saga, reason=WHY, actor="ines")
    PausedSaga.objects.all().delete()


def lay(act: str, toy: Toy, *, planned: str | None = None, even_so: bool = False, **facts: object):
    told = Told(WHY, facts, even_so=even_so)
    return operating.act_on(act, toy.id, told, actor="ines", planned=planned)


def parked(toy: NewToy, saga: object = toys.pivot_saga, **script: str) -> Toy:
    one = toy(saga, **script)
    assert one.rests().status == RunStatus.PARKED
    return one


def mend(toy: Toy, **script: str) -> None:
    """The cause is gone: the script says something else now."""
    run = toy.run
    run.facts["script"] = script
    run.save()


def test_a_parked_run_is_resumed_where_it_stands(worker: Worker, toy: NewToy) -> None:
    one = parked(toy, after="break")
    mend(one)
    plan = lay("resume", one)
    assert plan.sentences == ["Run 3/3 toys.after next."]
    assert one.rests().status == RunStatus.COMPLETED
    assert one.effects() == ["a", "b", "after"]


def test_a_parked_run_whose_cause_stays_is_parked_again(worker: Worker, toy: NewToy) -> None:
    one = parked(toy, after="break")
    tries = len(one.tries())
    lay("resume", one)
    assert one.rests().status == RunStatus.PARKED
    assert one.run.attempt == 3, "with a fresh budget"
    assert len(one.tries()) > tries


def test_only_the_failed_undo_is_repeated(worker: Worker, toy: NewToy) -> None:
    one = parked(toy, toys.local_saga, c="refuse", undo_b="break")
    assert one.run.undo_failed
    assert "undo_a" not in one.effects(), "strict reverse order stops at the failed one"
    mend(one)
    lay("resume", one)
    assert one.rests().status == RunStatus.COMPENSATED
    assert [e for e in one.effects() if e.startswith("undo")] == ["undo_c", "undo_b", "undo_a"]


def test_a_failed_undo_done_by_hand_is_skipped(worker: Worker, toy: NewToy) -> None:
    one = parked(toy, toys.local_saga, c="refuse", undo_b="break")
    plan = lay("skip", one)
    assert plan.sentences[0] == "Count toys.undo_b as done by hand."
    assert one.rests().status == RunStatus.COMPENSATED
    assert [e for e in one.effects() if e.startswith("undo")] == ["undo_c", "undo_a"]
    assert ("undo", "toys.undo_b", "SKIPPED") in one.timeline()


def test_a_broken_promise_is_checked_anew(worker: Worker, toy: NewToy) -> None:
    one = parked(toy, toys.local_saga, difference="7")
    assert "parked again at once" in lay("resume", one).sentences[0]
    assert one.run.status == RunStatus.PARKED
    mend(one)
    assert lay("resume", one).sentences == ["It ends COMPLETED."]
    assert one.run.status == RunStatus.COMPLETED


def test_a_step_skipped_needs_the_facts_it_would_have_given(no_worker: None, toy: NewToy) -> None:
    one = toy(toys.facts_saga, learn="break")
    carry(one.id)
    assert one.run.not_before is not None
    with pytest.raises(NotNow, match="needs learnt"):
        lay("skip", one)
    with pytest.raises(NotNow, match="learnt has to be int"):
        lay("skip", one, learnt="many")
    lay("skip", one, learnt=7)
    to_its_end(one.id)
    assert one.run.status == RunStatus.COMPLETED
    assert "use:7" in one.effects()


def test_the_pivot_is_never_skipped(toy: NewToy, no_worker: None) -> None:
    one = toy(toys.pivot_saga)
    Run.objects.filter(pk=one.id).update(position=2, paused="run")
    with pytest.raises(NotNow, match="the pivot"):
        lay("skip", one)


def test_a_paused_run_begins_nothing_until_it_is_resumed(toy: NewToy, worker: Worker) -> None:
    one = toy(toys.remote_saga, remote="late:3")
    eventually(lambda: one.run.lease_until is not None)
    assert "will record" in lay("pause", one).sentences[0]
    eventually(lambda: one.run.position == 3)
    assert (one.run.status, one.run.paused) == (RunStatus.RUNNING, "run")
    assert "b" not in one.tries()
    lay("resume", one)
    assert one.rests().status == RunStatus.COMPLETED


def test_a_whole_saga_is_paused_with_the_runs_that_start_later(
    toy: NewToy, worker: Worker, pause_all: Callable[[str], int]
) -> None:
    pause_all("toy_local")
    one = toy(toys.local_saga)
    other = toy(toys.optional_saga)
    assert other.rests().status == RunStatus.COMPLETED
    assert (one.run.status, one.run.paused, one.tries()) == (RunStatus.RUNNING, "saga", [])
    with pytest.raises(NotNow, match="resume the saga"):
        lay("resume", one)
    assert operating.resume_saga("toy_local", reason=WHY, actor="ines") >= 1
    assert one.rests().status == RunStatus.COMPLETED


def test_a_run_born_while_its_saga_was_being_paused_is_held_back(
    toy: NewToy, no_worker: None, pause_all: Callable[[str], int]
) -> None:
    pause_all("toy_local")
    one = toy(toys.local_saga)
    Run.objects.filter(pk=one.id).update(paused="")
    operating.hold_back()
    assert one.run.paused == "saga"


def resumed() -> int:
    return operating.resume_saga("toy_local", reason=WHY, actor="ines")


@contextmanager
def somebody_resumes_it_meanwhile() -> Iterator[None]:
    """In the midst of our transaction; they wait for its end."""
    second = Second(resumed)
    with transaction.atomic():
        yield
        second.comes_and_waits_for_me()
    assert second.said() >= 1


def test_who_resumes_a_saga_waits_for_whoever_holds_back_a_run_of_it(
    toy: NewToy, no_worker: None, pause_all: Callable[[str], int]
) -> None:
    pause_all("toy_local")
    one = toy(toys.local_saga)
    Run.objects.filter(pk=one.id).update(paused="")
    with somebody_resumes_it_meanwhile():
        operating.hold_back()
    assert one.run.paused == ""


def test_who_resumes_a_saga_waits_for_a_run_that_is_being_born_paused(
    toy: NewToy, no_worker: None, pause_all: Callable[[str], int]
) -> None:
    pause_all("toy_local")
    with somebody_resumes_it_meanwhile():
        one = toy(toys.local_saga)
        assert one.run.paused == "saga"
    assert one.run.paused == ""


def test_nobody_holds_back_runs_of_a_saga_that_is_being_resumed(
    toy: NewToy, no_worker: None, pause_all: Callable[[str], int]
) -> None:
    pause_all("toy_local")
    one = toy(toys.local_saga)
    with transaction.atomic():
        resumed()
        assert Second(operating.hold_back).comes_and_is_done() == 0
    assert one.run.paused == ""


def test_a_retry_does_not_wait_for_its_time(toy: NewToy, worker: Worker) -> None:
    one = toy(toys.wait_saga)
    eventually(lambda: one.run.status == RunStatus.WAITING)
    with toys.own_cursor() as cursor:
        cursor.execute("INSERT INTO toy_try (token, name) VALUES (%s, 'go')", [one.token])
    assert "may fail 3 times anew" in lay("retry", one).sentences[0]
    assert one.rests().status == RunStatus.COMPLETED, "its own time is a minute away"


def test_a_call_in_flight_is_not_interfered_with(toy: NewToy, worker: Worker) -> None:
    one = toy(toys.remote_saga, remote="late:3")
    eventually(lambda: one.run.lease_until is not None)
    with pytest.raises(NotNow, match=r"calling 2/4 toys\.remote"):
        lay("retry", one)
    lay("pause", one)
    for act in ("terminate", "skip", "edit"):
        with pytest.raises(NotNow, match="calling"):
            lay(act, one, **({"learnt": 1} if act == "edit" else {}))


def test_a_run_is_turned_round_with_its_reason(toy: NewToy, worker: Worker) -> None:
    one = toy(toys.wait_saga)
    eventually(lambda: one.run.status == RunStatus.WAITING)
    assert lay("compensate", one).sentences[0] == "Undo, in this order: toys.undo_a."
    assert one.rests().status == RunStatus.COMPENSATED
    assert WHY in one.run.reason


def test_past_the_pivot_nothing_is_turned_round(toy: NewToy, worker: Worker) -> None:
    with pytest.raises(NotNow, match="past its pivot"):
        lay("compensate", parked(toy, after="break"))


def test_facts_are_edited_only_while_the_run_stands_still(toy: NewToy, no_worker: None) -> None:
    one = toy(toys.facts_saga)
    with pytest.raises(NotNow, match="Pause it first"):
        lay("edit", one, learnt=1)
    Run.objects.filter(pk=one.id).update(paused="run", position=2)
    with pytest.raises(NotNow, match="started with"):
        lay("edit", one, token="another")
    with pytest.raises(NotNow, match="knows no fact"):
        lay("edit", one, learned=1)
    assert lay("edit", one, learnt=7).sentences == ["learnt: None becomes 7."]
    assert one.run.facts["learnt"] == 7


@pytest.mark.usefixtures("books")
def test_a_run_is_ended_only_if_the_money_is_in_place(toy: NewToy, worker: Worker) -> None:
    one = parked(toy, toys.local_saga, difference="7")
    with pytest.raises(NotNow, match="out of place"):
        lay("terminate", one)
    lay("terminate", one, even_so=True)
    assert (one.run.status, one.run.amount_at_risk) == (RunStatus.TERMINATED, 7)
    assert one.run.ended_at is not None


def test_each_act_is_recorded_with_who_and_why_and_never_changed(
    toy: NewToy, worker: Worker
) -> None:
    one = parked(toy, after="break")
    lay("resume", one)
    record = Action.objects.get(run_id=one.id)
    assert (record.name, record.actor, record.reason) == ("resume", "ines", WHY)
    assert (record.before["status"], record.after["status"]) == ("PARKED", "RUNNING")
    with pytest.raises(IntegrityError, match="forbidden here"), transaction.atomic():
        Action.objects.filter(pk=record.pk).update(reason="another story")
    with pytest.raises(IntegrityError, match="forbidden here"), transaction.atomic():
        record.delete()


def test_an_act_without_a_reason_is_refused(toy: NewToy, no_worker: None) -> None:
    one = toy(toys.local_saga)
    with pytest.raises(operating.NoReason):
        operating.act_on("pause", one.id, Told("  "), actor="ines")
    assert not Action.objects.filter(run_id=one.id).exists()


def test_a_plan_changes_nothing_and_is_refused_once_the_run_has_moved(
    toy: NewToy, no_worker: None
) -> None:
    one = toy(toys.local_saga)
    before = Run.objects.filter(pk=one.id).values().get()
    planned = operating.plan("pause", one.id, Told(WHY))
    assert Run.objects.filter(pk=one.id).values().get() == before
    Run.objects.filter(pk=one.id).update(position=2)
    with pytest.raises(operating.PlanOutdated):
        lay("pause", one, planned=planned.hash)
    lay("pause", one, planned=operating.plan("pause", one.id, Told(WHY)).hash)
    assert one.run.paused == "run"


@pytest.mark.parametrize("act", HANDS)
def test_nothing_is_done_to_a_run_that_has_ended(act: str, toy: NewToy, no_worker: None) -> None:
    one = toy(toys.local_saga)
    Run.objects.filter(pk=one.id).update(status=RunStatus.COMPLETED, position=5, wake_at=None)
    before = one.run
    with pytest.raises(NotNow):
        lay(act, one)
    assert one.run.__dict__ | {"_state": 0} == before.__dict__ | {"_state": 0}
