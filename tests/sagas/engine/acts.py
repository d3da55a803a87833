"""Acts by hand on toy runs, without a worker: where the run stands, and what is done to it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from sagas.engine import store
from sagas.engine.definition import Saga
from sagas.engine.hands import HANDS, Told
from sagas.models import Run
from tests.sagas.engine import toys
from tests.sagas.engine.conftest import Toy
from tests.sagas.messages import carry

NewToy = Callable[..., Toy]
#: A worker is making the step's call.
CALLED = {"lease_until": Now() + timedelta(hours=1)}


def at(toy: NewToy, steps: int, saga: Saga = toys.local_saga, **fields: Any) -> Toy:
    """A run that has done so many steps, and then stands as the fields say."""
    script = {name: fields.pop(name) for name in list(fields) if name in "abcd"}
    one = toy(saga, **script)
    for _ in range(steps):
        carry(one.id)
    Run.objects.filter(pk=one.id).update(**fields)
    return one


def act(name: str, one: Toy, *, even_so: bool = False, **facts: Any) -> list[str]:
    """Do it, whatever its plan; the sentences that say what it does."""
    with transaction.atomic():
        run = store.lock_run(one.id)
        assert run is not None
        told = Told("the kitchen called", facts, even_so)
        return HANDS[name](run, Saga.registry[run.saga], told)


def due_now(one: Toy) -> bool:
    """Whether the sweep would publish it."""
    return Run.objects.filter(pk=one.id, wake_at__lte=Now(), not_before__lte=Now()).exists()


def test_there_are_these_acts() -> None:
    assert [*HANDS] == ["retry", "resume", "skip", "compensate", "pause", "edit", "terminate"]
