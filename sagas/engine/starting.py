"""The engine's front door: start a run, let workers start it, signal it, turn it round."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from campusg.errors import Conflict
from campusg.ids import new_id
from campusg.points import Point, reach
from sagas.engine import facts as factual
from sagas.engine import hands, progress, store
from sagas.engine.definition import Saga
from sagas.engine.local import do
from sagas.engine.publishing import publish_after_commit
from sagas.models import ACTIVE, LIVE, Run, RunStatus


class RunExists(Conflict):
    """Another run of the same saga and key is live, and was started with other facts."""

    code = "run_exists"


class NoLiveRun(Conflict):
    """There is no such run, or it can no longer be turned round."""

    code = "no_live_run"


def start(saga: Saga, key: str, **facts: Any) -> Run:
    """Insert a run and do its leading local steps, all in the caller's transaction.

    A refusal by one of those steps is raised, and with the caller's transaction everything is
    rolled back. The same facts under the same key return the live run; other facts raise
    RunExists. The row is its own outbox: the message sent on commit only saves a second.
    """
    with transaction.atomic():
        run, fresh = _insert(saga, key, facts)
        if fresh:
            _lead(run, saga)
            reach(Point.STARTING, run.pk)
            publish_after_commit(run)
        return run


def enqueue(saga: Saga, key: str, **facts: Any) -> Run:
    """Insert a run and leave every step to the workers; otherwise as `start`."""
    with transaction.atomic():
        run, fresh = _insert(saga, key, facts)
        if fresh:
            publish_after_commit(run)
        return run


def enqueue_many(saga_name: str, wanted: Sequence[tuple[str, dict[str, Any]]]) -> int:
    """Insert a run for each key and facts, whatever their number, in one statement; how many.

    A key that has a live run keeps it. They run in the background: the sweep publishes them at its
    own pace, behind all others, so that many at once don't stand in the way of those that somebody
    waits for.
    """
    saga = Saga.registry[saga_name]
    rows = [(new_id(), key, _given(saga, facts), factual.digest(facts)) for key, facts in wanted]
    return store.insert_runs(saga.name, saga.fingerprint, rows)


def signal(run_id: UUID, name: str) -> bool:
    """Wake a run that waits for `name`, in whichever direction it goes; False when none does (the
    step will look for itself)."""
    with transaction.atomic():
        run = store.lock_run(run_id)
        if run is None or run.status not in ACTIVE or run.waits_for != name:
            return False
        if run.status == RunStatus.WAITING:
            run.status = RunStatus.RUNNING
        run.waits_for = ""
        progress.retry_at(run, run.db_now)
        store.save(run)
        publish_after_commit(run)
        return True


def announce(name: str) -> int:
    """Wake every run that waits for `name`, in the order in which they began; how many. Not inside
    a transaction that holds other locks: it takes those of the runs, which come first everywhere
    else."""
    waiting = Run.objects.filter(waits_for=name, status__in=ACTIVE).order_by("started_at")
    return sum(signal(run_id, name) for run_id in waiting.values_list("id", flat=True))


def conclude(saga: str, key: str, why: str) -> bool:
    """End the run that is parked only because its promise did not hold, if it holds by now."""
    with transaction.atomic():
        run, table = _parked(saga, key)
        if run is None or run.position <= table.length:
            return False
        hands.resume(run, table, hands.Told(why))
        return run.status == RunStatus.COMPLETED


def take_up(saga: str, key: str, why: str) -> bool:
    """Let a parked run go on where it stands, because what it was parked for has changed."""
    with transaction.atomic():
        run, table = _parked(saga, key)
        if run is None:
            return False
        hands.resume(run, table, hands.Told(why))
        publish_after_commit(run)
        return True


def compensate(run_id: UUID, reason: str) -> Run:
    """Turn a live run round before its pivot, whatever it is doing: what is in flight is fenced
    off and undone like the rest. Raises NoLiveRun after the pivot or after the end."""
    with transaction.atomic():
        run = store.lock_run(run_id)
        saga = Saga.registry.get(run.saga) if run else None
        if run is None or saga is None or run.status not in (RunStatus.RUNNING, RunStatus.WAITING):
            raise NoLiveRun(f"Run {run_id} is not under way; there is nothing to turn round.")
        if run.position > saga.last_turn:
            raise NoLiveRun(f"Run {run_id} is past its pivot and only goes forward.")
        progress.begin_compensation(run, saga, reason)
        publish_after_commit(run)
        return run


def _parked(saga: str, key: str) -> tuple[Run | None, Saga]:
    """The parked run, locked, if there is one that this code's table can go on with."""
    table = Saga.registry[saga]
    parked = Run.objects.filter(saga=saga, key=key, status=RunStatus.PARKED).first()
    run = store.lock_run(parked.pk) if parked else None
    if run is None or run.status != RunStatus.PARKED or run.fingerprint != table.fingerprint:
        return None, table
    return run, table


def _insert(saga: Saga, key: str, facts: dict[str, Any]) -> tuple[Run, bool]:
    given, digest = _given(saga, facts), factual.digest(facts)
    run: Run | None = None
    while run is None:
        inserted = store.insert_run(
            new_id(), saga.name, key, given, digest, saga.fingerprint, progress.GRACE
        )
        if inserted is not None:
            return inserted, True
        # One that has ended since stands in nobody's way any more.
        run = Run.objects.filter(saga=saga.name, key=key, status__in=LIVE).first()
    if run.given_digest != digest:
        raise RunExists(f"{saga.name} {key} is already under way with other facts.")
    return run, False


def _given(saga: Saga, facts: dict[str, Any]) -> dict[str, Any]:
    if set(facts) != set(saga.given):
        raise TypeError(f"{saga.name} is given {sorted(saga.given)}, not {sorted(facts)}")
    return factual.to_json(facts)


def _lead(run: Run, saga: Saga) -> None:
    """The leading local steps, up to the first that calls out."""
    facts, rows, at = run.facts, [], 1
    while at <= saga.length and not saga.step(at).do.remote:
        facts, row = do(saga, run, at, facts)
        rows.append(row)
        at += 1
    progress.advance(run, saga, at, facts, rows)
