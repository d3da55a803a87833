"""The sweep finds what fell behind, and publishes it no more often than helps."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db.models.functions import Now

from payments.operations import now
from sagas.engine import sweeping
from sagas.engine.progress import GRACE
from sagas.engine.starting import enqueue_many
from sagas.models import Run, RunStatus
from tests.sagas.engine import toys
from tests.sagas.engine.conftest import Toy, change, park

pytestmark = pytest.mark.usefixtures("no_worker")
NewToy = Callable[..., Toy]
PAST, FUTURE = "2020-01-01T00:00Z", "2100-01-01T00:00Z"
S = RunStatus


@pytest.fixture
def only_mine(committed_db: None) -> None:
    """What other tests left is not due."""
    Run.objects.filter(wake_at__isnull=False).update(wake_at=FUTURE)


def queue(monkeypatch: pytest.MonkeyPatch, waits: int, behind: int = 0) -> None:
    monkeypatch.setattr(
        sweeping.publishing, "queue_length", lambda *, background=False: (waits, behind)[background]
    )


def test_the_sweep_publishes_what_is_due_once_and_says_how_many(
    only_mine: None, toy: NewToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    due, later, parked, paused = (toy(toys.local_saga) for _ in range(4))
    published: list[UUID] = []
    monkeypatch.setattr(
        sweeping.publishing,
        "publish",
        lambda run, retry: published.append(run.pk) or not retry,  # type: ignore[func-returns-value]
    )
    queue(monkeypatch, sweeping.SHORT_QUEUE)
    change(due, wake_at=PAST, sweeps=10)
    change(later, wake_at=FUTURE)
    change(parked, status=S.PARKED, wake_at=None)
    change(paused, wake_at=PAST, paused="run")
    assert sweeping.sweep() == 1
    assert published == [due.id]
    assert (due.run.sweeps, due.run.recovered) == (11, 1)
    assert sweeping.sweep() == 0
    park(due, later, paused)


def test_a_run_whose_message_is_lost_is_due_a_second_after_it_began(toy: NewToy) -> None:
    before = now()
    due = toy(toys.local_saga).run.wake_at
    assert due is not None
    assert before + GRACE <= due <= now() + GRACE
    assert timedelta(seconds=1) == GRACE


def test_of_very_many_the_sweep_publishes_a_batch_at_a_time(
    only_mine: None, toy: NewToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 0 < sweeping.BATCH < sweeping.QUEUE_LIMIT, "or one sweep would end the next"
    runs = [toy(toys.local_saga) for _ in range(3)]
    monkeypatch.setattr(sweeping, "BATCH", 2)
    monkeypatch.setattr(sweeping.publishing, "publish", lambda run, retry: True)
    queue(monkeypatch, sweeping.SHORT_QUEUE)
    for one in runs:
        change(one, wake_at=PAST, sweeps=10)
    assert [sweeping.sweep() for _ in range(3)] == [2, 1, 0]
    park(*runs)


@pytest.mark.parametrize(
    ("sweeps", "waits", "seconds"), [(0, 0, 1), (1, 0, 2), (9, 0, 2), (9, 200, 60), (2, 200, 4)]
)
def test_what_stands_still_is_looked_at_more_rarely_up_to_a_cap(
    only_mine: None, toy: NewToy, monkeypatch: pytest.MonkeyPatch, sweeps: int, waits: int,
    seconds: int,
) -> None:  # fmt: skip
    one = toy(toys.local_saga)
    queue(monkeypatch, waits)
    change(one, wake_at=PAST, sweeps=sweeps)
    before = now()
    sweeping.sweep()
    wait, run = timedelta(seconds=seconds), one.run
    assert run.sweeps == sweeps + 1
    assert run.wake_at is not None
    assert before + wait <= run.wake_at <= now() + wait
    park(one)


def test_a_run_that_is_no_later_than_the_queue_is_long_is_not_behind(
    only_mine: None, toy: NewToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = toy(toys.local_saga)
    queue(monkeypatch, 10 * sweeping.DRAINED)
    change(one, wake_at=Now() - timedelta(seconds=4))
    assert sweeping.sweep() == 0
    change(one, wake_at=Now() - timedelta(seconds=12))
    assert sweeping.sweep() == 1
    queue(monkeypatch, sweeping.QUEUE_LIMIT)
    change(one, wake_at=PAST)
    assert sweeping.sweep() == 1, "as many as may wait"
    park(one)


def test_a_broker_that_goes_in_the_midst_ends_the_sweep_and_a_run_that_breaks_does_not(
    only_mine: None, toy: NewToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [toy(toys.local_saga) for _ in range(3)]
    tried: list[UUID] = []

    def publish(run: Run, *, retry: bool) -> bool:
        tried.append(run.pk)
        if len(tried) == 1:
            raise LookupError("no such queue")
        return len(tried) < 3

    monkeypatch.setattr(sweeping.publishing, "publish", publish)
    queue(monkeypatch, sweeping.SHORT_QUEUE)
    for one in runs:
        change(one, wake_at=PAST, sweeps=10)
    assert sweeping.sweep() == 1
    assert tried == sorted(one.id for one in runs)
    park(*runs)


def test_many_runs_are_begun_in_one_statement_and_a_live_key_keeps_its_run(
    only_mine: None, toy_tables: None
) -> None:
    keys = [uuid4().hex for _ in range(3)]
    wanted = [(key, {"token": key, "script": {}}) for key in keys]
    assert enqueue_many("toy_local", wanted[:2]) == 2
    assert enqueue_many("toy_local", wanted) == 1
    assert enqueue_many("toy_local", []) == 0
    runs = Run.objects.filter(key__in=keys)
    assert {(run.background, run.position, run.epoch, run.status) for run in runs} == {
        (True, 1, 1, S.RUNNING)
    }
    assert {run.fingerprint for run in runs} == {toys.local_saga.fingerprint}
    assert {run.facts["token"] for run in runs} == set(keys)
    with pytest.raises(
        TypeError, match=r"toy_local is given \['script', 'token'\], not \['token'\]"
    ):
        enqueue_many("toy_local", [("x", {"token": "x"})])
    runs.update(status=S.PARKED, wake_at=None)
