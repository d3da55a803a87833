"""Remote steps: claim and prepare, call with no transaction open, record behind the fence."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction

from campusg.errors import Refused
from campusg.points import Point, reach
from sagas.engine import progress, store
from sagas.engine.admission import STOP, Message, Outcome, Verdict, admit, answer, go_on
from sagas.engine.definition import Saga, saga_named
from sagas.engine.lease import LEASE_SECONDS, keeper
from sagas.engine.local import failed, refused
from sagas.engine.participant import RemoteParticipant, SagaMistake
from sagas.engine.results import RESULTS, Again, Result, Unknown, Waiting
from sagas.models import Run, RunStatus, StepState


@dataclass(frozen=True)
class Claim:
    """This worker's right to make a call: valid as long as the run's fence is still `fence`."""

    message: Message
    fence: int
    act: RemoteParticipant
    call: Any


def run_remote(message: Message) -> Outcome:
    """Run the remote step of `message`: as many calls as it needs, each with its own record."""
    reach(Point.MESSAGE, message.run_id)
    claim = _claim(message)
    while isinstance(claim, Claim):
        reach(Point.CLAIMED, message.run_id)
        claim = _call_and_record(claim)
    reach(Point.RECORDED, message.run_id)
    return claim


def _call_and_record(claim: Claim) -> Claim | Outcome:
    try:
        with keeper.keep(claim.message.run_id, claim.fence):
            reply = claim.act.make_call(claim.call)
        reach(Point.CALLED, claim.message.run_id)
        return _record(claim, reply)
    except Exception as error:
        return _broke(claim, error)


def _claim(message: Message) -> Claim | Outcome:
    """First transaction: the operation row and the lease are there before the call is made."""
    with transaction.atomic():
        run = store.lock_run(message.run_id)
        verdict = admit(run, message)
        if verdict is not Verdict.RUN or run is None:
            return answer(verdict, run)
        saga = saga_named(run.saga)
        assert saga is not None
        run.fence += 1
        store.write_log(
            [progress.line(run, saga, run.position, StepState.STARTED, attempt=run.attempt + 1)],
        )
        return _prepare(run, saga, message)


def _prepare(run: Run, saga: Saga, message: Message) -> Claim | Outcome:
    act = saga.action(run.position, forward=run.forward)
    assert isinstance(act, RemoteParticipant)
    try:
        with transaction.atomic():
            call = act.prepare(run.facts)
    except Refused as refusal:
        return refused(run, saga, refusal)
    except Exception as error:
        return failed(run, saga, error)
    if call is None or isinstance(call, RESULTS):
        return _settle(run, saga, {} if call is None else call)
    run.lease_until = run.db_now + timedelta(seconds=LEASE_SECONDS)
    run.wake_at = run.lease_until
    run.waits_for = ""
    store.save(run)
    reach(Point.CLAIMING, run.pk)
    return Claim(message, run.fence, act, call)


def _record(claim: Claim, reply: Any) -> Claim | Outcome:
    """Second transaction: the outcome is always saved; only the holder of the fence advances."""
    with transaction.atomic():
        run = store.lock_run(claim.message.run_id)
        result = claim.act.record_outcome(claim.call, reply)
        if run is None or not _still_mine(run, claim):
            return STOP
        saga = saga_named(run.saga)
        assert saga is not None
        again = isinstance(result, Again)
        then = _prepare(run, saga, claim.message) if again else _settle(run, saga, result)
        reach(Point.RECORDING, run.pk)
        return then


def _settle(run: Run, saga: Saga, result: Result) -> Outcome:
    """What the run does with a result that needs no further call."""
    match result:
        case Refused():
            return refused(run, saga, result)
        case Unknown(retry_at=when, why=why, signal=signal):
            _note(run, saga, StepState.UNKNOWN, why)
            progress.retry_at(run, when)
            run.waits_for = signal
            store.save(run)
            return STOP
        case Waiting(signal=signal, until=until):
            _note(run, saga, StepState.WAITING, signal)
            progress.retry_at(run, until)
            run.status, run.waits_for = RunStatus.WAITING, signal
            store.save(run)
            return STOP
        case Again():
            raise SagaMistake(f"{run.saga}: only a record may ask for another call")
        case facts:
            return _done(run, saga, dict(facts))


def _done(run: Run, saga: Saga, gained: dict[str, Any]) -> Outcome:
    row = progress.line(run, saga, run.position, StepState.DONE, attempt=run.attempt + 1)
    to = saga.after(run.position, forward=run.forward)
    progress.advance(run, saga, to, run.facts | gained, [row])
    return go_on(run, saga)


def _note(run: Run, saga: Saga, state: StepState, text: str) -> None:
    store.write_log(
        [progress.line(run, saga, run.position, state, error=text, attempt=run.attempt + 1)],
    )


def _still_mine(run: Run, claim: Claim) -> bool:
    """Nobody claimed the step after me, and the run has not turned round under me."""
    return (run.fence, run.epoch, run.position) == (
        claim.fence,
        claim.message.epoch,
        claim.message.position,
    )


def _broke(claim: Claim, error: Exception) -> Outcome:
    """The call or its record raised, which neither should: count it, try again later. Whatever
    the call did is still an unresolved operation, and the next try resolves it by its key."""
    with transaction.atomic():
        run = store.lock_run(claim.message.run_id)
        if run is None or not _still_mine(run, claim):
            return STOP
        saga = saga_named(run.saga)
        assert saga is not None
        return failed(run, saga, error)
