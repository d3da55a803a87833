"""Who keeps runs going: leases that are renewed, the pulse of a worker, the signals that wake."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now

from sagas.engine import lease
from sagas.engine.lease import LEASE_SECONDS, LeaseKeeper
from sagas.engine.pulse import SEEN_SECONDS, Pulse
from sagas.engine.starting import announce, conclude, signal, take_up
from sagas.models import Run, RunStatus, Worker
from tests.conftest import eventually
from tests.sagas.engine import toys
from tests.sagas.engine.conftest import Toy, change, park
from tests.sagas.messages import carry

pytestmark = pytest.mark.usefixtures("no_worker")
NewToy = Callable[..., Toy]
PAST, FUTURE = "2020-01-01T00:00Z", "2100-01-01T00:00Z"
S = RunStatus


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch) -> LeaseKeeper:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.02)
    return LeaseKeeper()


def test_a_lease_outlives_a_renewal_that_fails() -> None:
    assert 2 * lease.RENEW_SECONDS < LEASE_SECONDS


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
    with keeper.keep(other.id, 7):
        for _ in range(2):
            # The first time round its thread may have begun when `mine` was still kept.
            eventually(lambda: Run.objects.filter(pk=other.id, lease_until__gt=Now()).exists())
            change(mine, lease_until=PAST)
            change(other, lease_until=PAST)
        eventually(lambda: Run.objects.filter(pk=other.id, lease_until__gt=Now()).exists())
    assert mine.run.lease_until.year == 2020, "nobody makes that call any more"
    assert keeper._thread is first, "one thread for all"


def test_who_lost_a_run_to_another_of_this_process_leaves_the_other_s_lease_alone(
    keeper: LeaseKeeper, toy: NewToy
) -> None:
    one = toy(toys.remote_saga)
    change(one, fence=7, lease_until=PAST)
    with ExitStack() as zombie:
        zombie.enter_context(keeper.keep(one.id, 6))
        with keeper.keep(one.id, 7):
            zombie.close()
            change(one, lease_until=PAST)
            eventually(lambda: Run.objects.filter(pk=one.id, lease_until__gt=Now()).exists())
    assert not keeper._held


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


def test_a_signal_reaches_a_run_that_goes_back_and_leaves_it_so(toy: NewToy) -> None:
    one = toy(toys.local_saga)
    change(one, status=S.COMPENSATING, waits_for="go")
    assert signal(one.id, "go")
    assert one.run.status == S.COMPENSATING
    park(one)
    change(one, waits_for="go")
    assert not signal(one.id, "go")


def test_a_parked_run_is_taken_up_where_it_stands_and_any_other_left(toy: NewToy) -> None:
    one = toy(toys.local_saga)
    assert not take_up("toy_local", one.token, "it is mended")
    change(one, status=S.PARKED, position=2, wake_at=None, reason="b broke")
    assert take_up("toy_local", one.token, "it is mended")
    assert (one.run.status, one.run.position, one.run.reason) == (S.RUNNING, 2, "")
    park(one)


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
