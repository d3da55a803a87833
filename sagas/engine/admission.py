"""Whether a message may act: decided under the run's lock, before anything is touched."""

import enum
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sagas.engine.definition import Saga, fingerprint_of, saga_named
from sagas.engine.progress import retry_at
from sagas.engine.store import save
from sagas.models import ACTIVE, Run, RunStatus


class Verdict(enum.Enum):
    """RUN: act. ALREADY: my effect is committed, let my successor be published. STALE: be gone."""

    RUN = enum.auto()
    ALREADY = enum.auto()
    STALE = enum.auto()


class Then(enum.Enum):
    """What the carrying task does next."""

    GO_ON = enum.auto()  # publish the chain's element for `position`
    STOP = enum.auto()  # publish nothing; the sweep or another message goes on
    REFUSED = enum.auto()  # fail, so that link_error hurries the compensation


@dataclass(frozen=True)
class Outcome:
    """How a message ended, and where the run stands now."""

    then: Then
    position: int = 0
    why: str = ""
    #: The step at `position` is local: whoever brought the run there may go on with it at once.
    here: bool = False


STOP = Outcome(Then.STOP)


@dataclass(frozen=True)
class Message:
    """All that travels: which run, which step, and under which epoch it was published."""

    run_id: UUID
    position: int
    epoch: int


def admit(run: Run | None, message: Message) -> Verdict:
    """Judge a message against the locked run."""
    if run is None or run.status not in ACTIVE or run.paused or run.epoch != message.epoch:
        return Verdict.STALE
    saga = saga_named(run.saga)
    if saga is None or saga.fingerprint != run.fingerprint:
        _leave_to_other_code(run)
        return Verdict.STALE
    if run.position != message.position:
        next_one = saga.after(message.position, forward=run.forward)
        return Verdict.ALREADY if run.position == next_one else Verdict.STALE
    if run.not_before and run.not_before > run.db_now:
        return Verdict.STALE
    if run.lease_until and run.lease_until > run.db_now:
        return Verdict.STALE
    if run.status == RunStatus.WAITING:
        run.status = RunStatus.RUNNING
    return Verdict.RUN


def answer(verdict: Verdict, run: Run | None) -> Outcome:
    """The outcome of a message that may not act."""
    if verdict is Verdict.ALREADY and run is not None:
        return Outcome(Then.GO_ON, run.position)
    return STOP


def go_on(run: Run, saga: Saga) -> Outcome:
    """Do what follows or publish it. Where a run has ended nothing does, and the chain with it:
    Celery takes its time over an Ignore, which is for messages that had no right to act."""
    here = saga.is_local(run.position, forward=run.forward)
    return Outcome(Then.GO_ON, run.position, here=here)


def _leave_to_other_code(run: Run) -> None:
    """A run goes on only under the table it was started with; look again when workers changed."""
    have = fingerprint_of(run.saga)
    run.reason = (
        f"The table of {run.saga} changed: the run began under {run.fingerprint}, this code has "
        f"{have}. Run workers of the old release until it has ended."
    )
    retry_at(run, run.db_now + timedelta(seconds=30))
    save(run)
