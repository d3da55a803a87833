"""What a message does: a step or many, what is noted of it, and what becomes of one that fails."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from celery import current_app
from celery.exceptions import Ignore
from django.db import OperationalError, connection
from django.db.models.functions import Now

from payments.operations import now
from sagas.engine import Saga, local, participant, remote, remote_participant, step, tasks
from sagas.engine.admission import (
    STOP,
    Message,
    Outcome,
    Then,
)
from sagas.engine.progress import GRACE
from sagas.engine.publishing import StepRefused, queue_length
from sagas.engine.remote import Claim, _broke
from sagas.models import Run, RunStatus, StepState
from tests.conftest import forget_messages
from tests.sagas.engine import toys
from tests.sagas.engine.conftest import Toy
from tests.sagas.messages import carry

pytestmark = pytest.mark.usefixtures("no_worker")
NewToy = Callable[..., Toy]
S = RunStatus


def a_task(*positions: int) -> Any:
    chain = [{"args": ["run", at, 1]} for at in positions]
    return SimpleNamespace(request=SimpleNamespace(chain=chain))


def test_a_message_does_its_step_and_lets_the_next_be_published(toy: NewToy, settings: Any) -> None:
    settings.SAGA_FAST_PATH = "off"
    one, task = toy(toys.remote_saga), a_task(4, 3, 2)
    tasks.carry_local(task, str(one.id), 1, 1)
    assert (one.effects(), len(task.request.chain)) == (["a"], 3)
    tasks.carry_remote(task, str(one.id), 2, 1)
    assert one.remote() == {"remote": "on"}
    assert [link["args"][1] for link in task.request.chain] == [4, 3]
    with pytest.raises(Ignore):
        tasks.carry_local(task, str(one.id), 1, 1)


def test_while_an_outcome_is_unknown_the_log_says_why(toy: NewToy) -> None:
    one = toy(toys.remote_saga, remote="lose")
    carry(one.id)
    carry(one.id)
    step = one.run.steps.get(position=2)
    assert (step.state, step.error) == (StepState.UNKNOWN, "the reply was lost")


def test_a_step_that_breaks_is_logged_with_what_broke(toy: NewToy, settings: Any) -> None:
    one = toy(toys.local_saga, a="break:2")
    carry(one.id)
    step = one.run.steps.get(position=1)
    assert (step.state, step.error) == (StepState.FAILED, "RuntimeError('a broke')")


def test_a_call_that_cannot_be_prepared_is_tried_again_later(toy: NewToy) -> None:
    one = toy(toys.remote_saga, remote="break")
    carry(one.id)
    carry(one.id)
    step = one.run.steps.get(position=2)
    assert (step.state, step.error) == (StepState.FAILED, "RuntimeError('remote broke')")
    assert (one.run.attempt, one.remote()) == (1, {})


def test_waits_between_tries_are_stretched_where_time_is(toy: NewToy, settings: Any) -> None:
    settings.SAGA_RETRY_SCALE = 100
    one = toy(toys.local_saga, a="break")
    before = now()
    carry(one.id)
    again = one.run.not_before
    assert again is not None
    assert before + timedelta(seconds=2) < again < now() + timedelta(seconds=8)


@pytest.mark.parametrize("mode", ["batch", "step"])
def test_one_message_goes_as_far_as_it_can_and_no_step_needs_a_second_go(
    toy: NewToy, settings: Any, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    settings.SAGA_FAST_PATH = mode
    monkeypatch.setattr(local, "_single", None)
    monkeypatch.setattr(local, "BATCH_SECONDS", 60)
    one = toy(toys.local_saga)
    carry(one.id)
    assert one.run.status == S.COMPLETED


@pytest.mark.parametrize("mode", ["batch", "step"])
def test_the_local_steps_after_a_call_need_no_message_of_their_own(
    toy: NewToy, settings: Any, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    settings.SAGA_FAST_PATH = mode
    monkeypatch.setattr(local, "BATCH_SECONDS", 60)
    one, task = toy(toys.remote_saga), a_task(4, 3)
    carry(one.id)
    tasks.carry_remote(task, str(one.id), 2, 1)
    assert (one.run.status, task.request.chain) == (S.COMPLETED, [])


def test_each_participant_is_a_task_of_its_kind() -> None:
    @participant()
    def near(*, token: str) -> None: ...

    @remote_participant()
    def far(*, token: str) -> None: ...

    far.call(lambda call: None)
    far.record(lambda call, reply: {})
    tasks.register(Saga("toy_tasks", step(near), step(far), given=toys.Given))
    bodies = [current_app.tasks[act.name].run.__func__ for act in (near, far)]
    assert bodies == [tasks.carry_local, tasks.carry_remote]


def test_a_message_whose_step_is_done_lets_the_next_be_published_and_does_none(
    toy: NewToy,
) -> None:
    one = toy(toys.remote_saga)
    carry(one.id)
    assert local.run_local(Message(one.id, 1, 1)) == Outcome(Then.GO_ON, 2)
    assert (one.run.attempt, one.remote()) == (0, {})
    carry(one.id)
    assert remote.run_remote(Message(one.id, 2, 1)) == Outcome(Then.GO_ON, 3)


def test_as_long_as_a_call_is_made_its_lease_is_kept(
    toy: NewToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[tuple[UUID, int]] = []
    keep = remote.keeper.keep

    def seen(run_id: UUID, fence: int) -> Any:
        kept.append((run_id, fence))
        return keep(run_id, fence)

    monkeypatch.setattr(remote.keeper, "keep", seen)
    one = toy(toys.remote_saga)
    carry(one.id)
    carry(one.id)
    assert kept == [(one.id, 1)]


def test_of_a_call_that_breaks_after_it_was_lost_to_another_nothing_is_noted(toy: NewToy) -> None:
    one = toy(toys.remote_saga)
    carry(one.id)
    Run.objects.filter(pk=one.id).update(fence=7)
    zombie = Claim(Message(one.id, 2, 1), 6, toys.remote, None)
    assert _broke(zombie, RuntimeError("late")) == STOP
    assert one.run.attempt == 0
    assert not one.run.steps.filter(position=2).exists()


def test_a_step_that_is_refused_fails_its_task(toy: NewToy, settings: Any) -> None:
    settings.SAGA_FAST_PATH = "off"
    one = toy(toys.local_saga, a="refuse")
    with pytest.raises(StepRefused, match=r"toys\.a: a says no"):
        tasks.carry_local(a_task(), str(one.id), 1, 1)


def test_an_errback_hurries_only_what_has_just_turned(toy: NewToy) -> None:
    began = now()
    one = toy(toys.local_saga, b="refuse")
    while one.run.status == S.RUNNING:
        carry(one.id)
    forget_messages()
    assert one.run.changed_at >= began
    Run.objects.filter(pk=one.id).update(changed_at=Now())
    tasks.on_fail(str(one.id))
    assert queue_length() == 1
    Run.objects.filter(pk=one.id).update(changed_at=Now() - 2 * GRACE)
    tasks.on_fail(str(one.id))
    assert queue_length() == 1, "somebody is at it already"
    other = toy(toys.local_saga)
    forget_messages()
    tasks.on_fail(str(other.id))
    assert queue_length() == 0, "it has not turned"


def test_a_message_whose_connection_went_away_is_worked_off_on_another(toy: NewToy) -> None:
    one, tried = toy(toys.local_saga), []

    def run(message: Message) -> Outcome:
        tried.append(message)
        if len(tried) == 1:
            connection.connection.close()
            raise OperationalError("server closed the connection")
        connection.ensure_connection()
        assert connection.is_usable()
        return STOP

    message = Message(one.id, 1, 1)
    assert tasks._reconnecting(run, message) == STOP
    assert tried == [message, message]


def test_a_message_that_breaks_otherwise_is_not_repeated(toy: NewToy) -> None:
    tried = []
    connection.ensure_connection()

    def run(message: Message) -> Outcome:
        tried.append(message)
        raise OperationalError("no such table")

    with pytest.raises(OperationalError):
        tasks._reconnecting(run, Message(uuid4(), 1, 1))
    assert len(tried) == 1
