"""Every message again: at once, later, after the end. A message is a hint, so nothing happens."""

from collections.abc import Callable

import pytest

from sagas.engine.definition import Saga
from sagas.engine.publishing import publish
from sagas.models import Run, RunStatus
from tests.conftest import Worker, eventually
from tests.sagas.engine import toys
from tests.sagas.engine.conftest import Toy
from tests.sagas.messages import all_is_quiet, deliver, deliver_every_message_again

pytestmark = pytest.mark.story


@pytest.mark.fault(32)
@pytest.mark.parametrize(
    ("saga", "script"),
    [
        (toys.local_saga, {}),
        (toys.local_saga, {"c": "refuse"}),
        (toys.remote_saga, {}),
        (toys.remote_saga, {"c": "refuse"}),
        (toys.pivot_saga, {"after": "break"}),
    ],
    ids=["done", "undone", "done far away", "undone far away", "parked"],
)
def test_every_message_again_after_the_end_changes_nothing(
    worker: Worker, toy: Callable[..., Toy], saga: Saga, script: dict[str, str]
) -> None:
    one = toy(saga, **script)
    one.rests()
    eventually(all_is_quiet)
    run, effects, tries = one.run, one.effects(), one.tries()
    deliver_every_message_again(one.id)
    eventually(all_is_quiet)
    assert one.effects() == effects
    assert one.tries() == tries
    assert Run.objects.filter(pk=one.id).values().get() == {
        field.attname: getattr(run, field.attname) for field in Run._meta.concrete_fields
    }


@pytest.mark.parametrize("script", [{}, {"c": "refuse"}], ids=["done", "undone"])
def test_a_chain_published_five_times_at_once_runs_once(
    worker: Worker, toy: Callable[..., Toy], script: dict[str, str]
) -> None:
    one = toy(toys.remote_saga, **script)
    for _ in range(5):
        publish(one.run)
    one.rests()
    eventually(all_is_quiet)
    assert one.effects().count("a") == 1
    assert one.effects().count("c") == (0 if script else 1)
    assert one.run.status == (RunStatus.COMPENSATED if script else RunStatus.COMPLETED)


def test_a_step_delivered_again_at_each_later_state_is_stale(
    worker: Worker, toy: Callable[..., Toy]
) -> None:
    one = toy(toys.wait_saga)
    eventually(lambda: one.run.status == RunStatus.WAITING)
    for position in (1, 2, 3):
        deliver(one.run, position, one.run.epoch, forward=True)
    eventually(all_is_quiet)
    assert one.run.status == RunStatus.WAITING
    assert one.effects() == ["a", "wait"]
