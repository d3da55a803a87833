"""Two processes in a fixed order: the schedules that random chaos does not find."""

import signal
from collections.abc import Callable

import pytest

from sagas.engine.starting import compensate
from sagas.models import Run, RunStatus
from tests.conftest import Worker, eventually
from tests.sagas.engine import toys
from tests.sagas.engine.conftest import Toy

pytestmark = pytest.mark.schedule
NewWorker = Callable[..., Worker]


def frozen_in_its_call(toy: Toy, worker: Worker) -> None:
    """Pause the worker after it has claimed the remote step and before its call has an effect."""
    eventually(lambda: "remote" in toy.tries() and toy.run.lease_until)
    worker.signal(signal.SIGSTOP)
    assert toy.remote() == {}


def rows(toy: Toy) -> list[dict]:
    """All that is known about a run, for comparing before and after."""
    return [
        *Run.objects.filter(pk=toy.id).values(),
        *toy.run.steps.values(),
        {"effects": toy.effects(), "remote": toy.remote()},
    ]


@pytest.mark.fault(32, 37)
def test_s1_a_zombie_that_resumes_after_its_lease_changes_nothing(
    new_worker: NewWorker, toy: Callable[..., Toy]
) -> None:
    zombie = new_worker()
    one = toy(toys.remote_saga, remote="late:3")
    frozen_in_its_call(one, zombie)
    new_worker()
    one.rests()
    assert one.run.status == RunStatus.COMPLETED
    before = rows(one)
    zombie.signal(signal.SIGCONT)
    eventually(lambda: one.tries().count("recorded remote") == 2)
    zombie.stop()
    assert rows(one) == before


@pytest.mark.fault(32, 37)
def test_s2_a_zombie_s_call_that_lands_after_the_compensation_leaves_no_effect(
    new_worker: NewWorker, toy: Callable[..., Toy]
) -> None:
    zombie = new_worker()
    one = toy(toys.remote_saga, remote="late:3")
    frozen_in_its_call(one, zombie)
    compensate(one.id, "the customer changed their mind")
    new_worker()
    one.rests()
    assert one.run.status == RunStatus.COMPENSATED
    assert one.remote() == {"remote": "off", "unremote": "on"}
    before = rows(one)
    zombie.signal(signal.SIGCONT)
    eventually(lambda: "recorded remote" in one.tries())
    zombie.stop()
    assert rows(one) == before


def test_a_worker_that_lives_keeps_its_lease_and_nobody_repeats_its_call(
    new_worker: NewWorker, toy: Callable[..., Toy]
) -> None:
    new_worker()
    new_worker()
    for _ in range(3):
        one = toy(toys.remote_saga, remote="late:4.5")
        one.rests()
        if one.run.fence == 1:
            break  # or the whole machine stood still for longer than a lease lasts
    assert (one.tries().count("remote"), one.run.fence) == (1, 1)
