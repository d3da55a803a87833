"""Acting on runs by hand: a plan, then the act if nothing has moved since, and its record."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from campusg.errors import Conflict, Refused
from sagas.engine import store
from sagas.engine.definition import Saga, saga_named
from sagas.engine.hands import HANDS, NotNow, Told
from sagas.engine.publishing import publish_after_commit
from sagas.models import ACTIVE, Action, Pause, PausedSaga, Run

REASON_MAX = 500


class PlanOutdated(Conflict):
    """The run has moved since the plan was made; look at it again and decide anew."""

    code = "plan_outdated"


class NoReason(Refused):
    """Whoever acts by hand says why, in at most 500 characters."""

    code = "no_reason"


class NoSuchRun(Refused):
    """No run has this id, or this code has no saga of its name."""

    code = "no_such_run"
    status = 404


@dataclass(frozen=True)
class Plan:
    """What an act would do. `hash` stands for the act and for the state it was planned on."""

    act: str
    sentences: list[str]
    hash: str


def plan(act: str, run_id: UUID, told: Told) -> Plan:
    """What `act` would do to the run, meeting the same refusals; nothing is changed."""
    with transaction.atomic():
        run, saga = _locked(run_id)
        hash_ = _hash(act, run, told)
        sentences = HANDS[act](run, saga, told)
        transaction.set_rollback(True)
    return Plan(act, sentences, hash_)


def act_on(act: str, run_id: UUID, told: Told, *, actor: str, planned: str | None = None) -> Plan:
    """Do `act` (a name in HANDS) to the run and record it; what was done.

    `planned` is the hash of the plan that a person has seen: if the run has moved since,
    PlanOutdated. Raises NotNow when the run doesn't stand where this can be done, NoReason,
    NoSuchRun.
    """
    with transaction.atomic():
        run, saga = _locked(run_id)
        reason = reason_given(told.reason)
        hash_, before = _hash(act, run, told), _state(run)
        if planned not in (None, hash_):
            raise PlanOutdated("The run has moved since that plan was made: plan anew.")
        sentences = HANDS[act](run, saga, told)
        Action.objects.create(
            run_id=run_id, saga=run.saga, name=act, actor=actor, reason=reason,
            plan=sentences, before=before, after=_state(run),
        )  # fmt: skip
        if run.status in ACTIVE:
            publish_after_commit(run)
    return Plan(act, sentences, hash_)


def pause_saga(name: str, *, reason: str, actor: str) -> int:
    """Let no run of the saga begin a further step, those included that start later; how many are
    under way. A run that was being started at this very moment stops a second later."""
    with _whole(name, "pause", reason, actor) as said:
        if not PausedSaga.objects.get_or_create(saga=name)[1]:
            raise NotNow(f"All of {name} is paused already.")
        held = _hold_back([name])
        said.append(f"Begin no further step of {held} runs, nor of those still to start.")
    return held


def resume_saga(name: str, *, reason: str, actor: str) -> int:
    """Let the runs go on that were paused with their saga; how many. Runs that were paused by
    themselves stay so. The sweep publishes them at its own pace."""
    with _whole(name, "resume", reason, actor) as said:
        if not PausedSaga.objects.filter(saga=name).delete()[0]:
            raise NotNow(f"{name} is not paused.")
        freed = Run.objects.filter(saga=name, paused=Pause.SAGA).update(paused=Pause.NONE)
        said.append(f"{freed} runs go on within seconds.")
    return freed


def hold_back() -> int:
    """Pause the runs of paused sagas that are not; how many. The sweep's companion: it finds those
    that were born while their saga was being paused. A saga that is being resumed is left alone,
    and none is resumed meanwhile: nobody would free what this holds back."""
    with transaction.atomic():
        paused = PausedSaga.objects.select_for_update(skip_locked=True, no_key=True)
        return _hold_back(list(paused.values_list("saga", flat=True)))


def _hold_back(sagas: list[str]) -> int:
    running = Run.objects.filter(saga__in=sagas, status__in=ACTIVE, paused=Pause.NONE)
    return running.update(paused=Pause.SAGA) if sagas else 0


@contextmanager
def _whole(name: str, act: str, reason: str, actor: str) -> Iterator[list[str]]:
    """One act on a whole saga, recorded with the sentences that the block says."""
    if saga_named(name) is None:
        raise NoSuchRun(f"There is no saga {name}.")
    reason = reason_given(reason)
    said: list[str] = []
    with transaction.atomic():
        yield said
        Action.objects.create(saga=name, name=act, actor=actor, reason=reason, plan=said)


def reason_given(reason: str) -> str:
    """The reason, without spaces around it. Raises NoReason."""
    if not 0 < len(reason.strip()) <= REASON_MAX:
        raise NoReason(f"Say why, in at most {REASON_MAX} characters.", field="reason")
    return reason.strip()


def _locked(run_id: UUID) -> tuple[Run, Saga]:
    run = store.lock_run(run_id)
    saga = saga_named(run.saga) if run else None
    if run is None or saga is None:
        raise NoSuchRun(f"There is no run {run_id} of a saga that this code knows.")
    if saga.fingerprint != run.fingerprint:
        raise NotNow(f"The table of {run.saga} has changed since this run began: use that release.")
    return run, saga


def _state(run: Run) -> dict[str, Any]:
    """Where a run stands, as far as a person's decision may rest on it."""
    return {
        "status": run.status, "paused": run.paused, "position": run.position, "epoch": run.epoch,
        "reason": run.reason, "facts": run.facts,
    }  # fmt: skip


def _hash(act: str, run: Run, told: Told) -> str:
    seen = [act, str(run.pk), _state(run), dict(told.facts), told.even_so]
    return hashlib.sha256(json.dumps(seen, sort_keys=True, default=str).encode()).hexdigest()[:12]
