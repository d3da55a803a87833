"""Who keeps runs going: leases that are renewed, the pulse of a worker, the sweep."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now

from sagas.engine import lease, sweeping
from sagas.engine.lease import LEASE_SECONDS, LeaseKeeper
from sagas.engine.pulse import SEEN_SECONDS, Pulse
from sagas.engine.starting import announce, conclude, enqueue_many, signal
from sagas.models import Run, RunStatus, Worker
from tests.conftest import eventually
from tests.sagas.engine import toys
from tests.sagas.engine.conftest import Toy
from tests.sagas.messages import carry

pytestmark = pytest.mark.usefixtures("no_worker")
NewToy = Callable[..., Toy]
PAST, FUTURE = "2020-01-01T00:00Z", "2100-01-01T00:00Z"
S = RunStatus


def change(toy: Toy, **fields: Any) -> None:
    Run.objects.filter(pk=toy.id).update(**fields)


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch) -> LeaseKeeper:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.02)
    return LeaseKeeper()


def test_leases_are_renewed_as_long_as_their_calls_are_made(
    keeper: LeaseKeeper, toy: NewToy
) -> None:
    mine, other, lost, done = (toy(toys.remote_saga) for _ in range(4))
    for one in (mine, other, lost):
        change(one, fence=7, lease_until=PAST)
    change(done, fence=7)
    with keeper.keep(lost.id, 6), keeper.keep(done.id, 7), keeper.keep(mine.id, 7):
        eventually(lambda: Run.objects.filter(pk=mine.id, lease_until__gt=Now()).exists())
        bounds = {
            "lease_until__gt": Now() + timedelta(seconds=LEASE_SECONDS - 1),
            "lease_until__lte": Now() + timedelta(seconds=LEASE_SECONDS),
        }
        eventually(lambda: Run.objects.filter(pk=mine.id, **bounds).exists())
    for one in (other, lost):
        assert one.run.lease_until.year == 2020, "another's, or lost to another"
    assert done.run.lease_until is None, "the call is recorded"
    first = keeper._thread
    change(mine, lease_until=PAST)
    with keeper.keep(other.id, 7):
        eventually(lambda: Run.objects.filter(pk=other.id, lease_until__gt=Now()).exists())
    assert mine.run.lease_until.year == 2020, "nobody makes that call any more"
    assert keeper._thread is first, "one thread for all"


def test_a_lease_that_can_t_be_renewed_once_is_renewed_again(
    keeper: LeaseKeeper, toy: NewToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = toy(toys.remote_saga)
    change(one, fence=1, lease_until=PAST)
    right = lease._RENEW
    monkeypatch.setattr(lease, "_RENEW", "SELECT nonsense")
    with keeper.keep(one.id, 1):
        monkeypatch.setattr(lease, "_RENEW", right)
        eventually(lambda: Run.objects.filter(pk=one.id, lease_until__gt=Now()).exists())


# The pulse.


BEATS: list[str] = []


def beat() -> None:
    BEATS.append("beat")


def fails() -> None:
    BEATS.append("fails")
    if BEATS.count("fails") == 1:
        raise RuntimeError("the first time")


@pytest.fixture
def pulse(settings: Any) -> Iterator[tuple[Pulse, Any]]:
    BEATS.clear()
    here = beat.__module__
    settings.SAGA_PULSE = {f"{here}.beat": 0.0, f"{here}.fails": 0.0}
    queues = SimpleNamespace(consume_from={"remote": 1, "local": 2})
    app = SimpleNamespace(amqp=SimpleNamespace(queues=queues))
    worker = SimpleNamespace(hostname=f"toy-{uuid4().hex}", app=app)
    one = Pulse(worker)
    yield one, worker
    one.stop(worker)


def seen(worker: Any) -> Worker | None:
    return Worker.objects.filter(name__startswith=worker.hostname).first()


def test_a_worker_s_pulse_beats_says_so_and_says_goodbye(
    pulse: tuple[Pulse, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, worker = pulse
    monkeypatch.setattr("sagas.engine.pulse.TICK_SECONDS", 0.01)
    assert seen(worker) is None
    one.start(worker)
    known = eventually(lambda: seen(worker))
    assert known.queues == ["local", "remote"]
    eventually(lambda: BEATS.count("beat") > 3 and BEATS.count("fails") > 3)
    one.terminate(worker)
    assert seen(worker) is None
    quiet = len(BEATS)
    one.stop(worker)
    assert len(BEATS) == quiet


def test_what_of_the_pulse_fails_is_told_until_it_works_again(pulse: tuple[Pulse, Any]) -> None:
    one, worker = pulse
    one._run("fails", fails)
    one._seen()
    known = seen(worker)
    assert known is not None
    assert known.failing == ["fails"]
    one._run("fails", fails)
    one._seen()
    assert Worker.objects.get(pk=known.pk).failing == []
    one._gone()


def test_workers_unheard_of_for_a_day_are_forgotten(pulse: tuple[Pulse, Any]) -> None:
    one, _ = pulse
    old, recent = f"old-{uuid4().hex}", f"recent-{uuid4().hex}"
    for name, hours in ((old, 25), (recent, 23)):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO sagas_worker (name, queues, failing, seen_at)"
                " VALUES (%s, '{}', '{}', now() - make_interval(hours => %s))",
                [name, hours],
            )
    one._seen()
    one._gone()
    assert [*Worker.objects.filter(name__in=[old, recent]).values_list("name", flat=True)] == [
        recent
    ]
    Worker.objects.filter(name=recent).delete()
    assert SEEN_SECONDS == 5


# Waking.


def waiting(toy: NewToy) -> Toy:
    one = toy(toys.wait_saga)
    while one.run.status == S.RUNNING:
        carry(one.id)
    assert (one.run.status, one.run.waits_for) == (S.WAITING, "go")
    return one


def test_a_signal_wakes_whoever_waits_for_it_at_once_and_nobody_else(toy: NewToy) -> None:
    one, other = waiting(toy), waiting(toy)
    assert not signal(one.id, "stop")
    assert not signal(uuid4(), "go")
    assert signal(one.id, "go")
    run = one.run
    assert (run.status, run.waits_for, run.sweeps) == (S.RUNNING, "", 0)
    assert Run.objects.filter(pk=one.id, wake_at__lte=Now(), not_before__lte=Now()).exists()
    assert other.run.status == S.WAITING
    change(other, waits_for=f"go {other.id}")
    assert announce(f"go {other.id}") == 1
    assert other.run.status == S.RUNNING
    assert announce(f"go {other.id}") == 0
    park(one, other)


def park(*toys_: Toy) -> None:
    for one in toys_:
        change(one, status=S.PARKED, wake_at=None, lease_until=None)


def test_a_signal_reaches_a_run_that_goes_back_and_leaves_it_so(toy: NewToy) -> None:
    one = toy(toys.local_saga)
    change(one, status=S.COMPENSATING, waits_for="go")
    assert signal(one.id, "go")
    assert one.run.status == S.COMPENSATING
    park(one)
    change(one, waits_for="go")
    assert not signal(one.id, "go")


def test_a_parked_run_whose_promise_holds_by_now_is_concluded(toy: NewToy) -> None:
    one = toy(toys.local_saga, difference="7")
    while carry(one.id):
        pass
    run = one.run
    assert (run.status, run.amount_at_risk, run.position) == (S.PARKED, 7, 5)
    assert not conclude("toy_local", one.token, "it was paid")
    run.facts["script"] = {}
    Run.objects.filter(pk=one.id).update(facts=run.facts)
    assert not conclude("toy_local", "another", "it was paid")
    change(one, fingerprint="older")
    assert not conclude("toy_local", one.token, "it was paid")
    change(one, fingerprint=toys.local_saga.fingerprint, position=4)
    assert not conclude("toy_local", one.token, "it was paid"), "a step is still to do"
    change(one, position=5)
    assert conclude("toy_local", one.token, "it was paid")
    assert (one.run.status, one.run.wake_at) == (S.COMPLETED, None)
    assert not conclude("toy_local", one.token, "it was paid")


# The sweep.


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
    queue(monkeypatch, 0)
    change(due, wake_at=PAST)
    change(later, wake_at=FUTURE)
    change(parked, status=S.PARKED, wake_at=None)
    change(paused, wake_at=PAST, paused="run")
    assert sweeping.sweep() == 1
    assert published == [due.id]
    assert (due.run.sweeps, due.run.recovered) == (1, 1)
    assert sweeping.sweep() == 0
    park(due, later, paused)


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
    sweeping.sweep()
    bounds = {
        "wake_at__lte": Now() + timedelta(seconds=seconds),
        "wake_at__gt": Now() + timedelta(seconds=seconds - 0.9),
    }
    assert Run.objects.filter(pk=one.id, sweeps=sweeps + 1, **bounds).exists()
    park(one)


def test_a_run_that_is_no_later_than_the_queue_is_long_is_not_behind(
    only_mine: None, toy: NewToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = toy(toys.local_saga)
    queue(monkeypatch, 10 * sweeping.DRAINED)
    change(one, wake_at=Now() - timedelta(seconds=8))
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
    queue(monkeypatch, 0)
    for one in runs:
        change(one, wake_at=PAST)
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
