"""A worker without a broker: delivers a run's messages in this process, one after the other."""

import time
from collections import deque
from typing import NamedTuple
from uuid import UUID

from campusg.points import Point, listen
from payments.janitor import hurry_due
from sagas.engine import publishing, sweeping
from sagas.engine.admission import Message, Outcome, Then
from sagas.engine.definition import saga_named
from sagas.engine.local import run_local
from sagas.engine.remote import run_remote
from sagas.engine.starting import compensate
from sagas.engine.tasks import on_fail
from sagas.models import ACTIVE, Run


class At(NamedTuple):
    """Where a delivery stands: the direction and the step of its message."""

    forward: bool
    position: int


class Driver:
    """Delivers what was published, as a worker does, each message `times` times."""

    def __init__(self) -> None:
        self.times = 1
        self.at: At | None = None
        self._published: deque[UUID] = deque()
        listen(self.hear)
        # There is no queue to be long, and the transport in memory has no way to tell.
        publishing.queue_length = lambda **_: 0

    def hear(self, point: Point, of: UUID) -> None:
        """What was published waits to be delivered. Cells listen for more."""
        if point is Point.PUBLISHED:
            self._published.append(of)

    def deliver(self, run_id: UUID, until: At | None = None) -> None:
        """The run's messages, until one stops it, or the one for `until` is next."""
        run = Run.objects.get(pk=run_id)
        message: Message | None = Message(run_id, run.position, run.epoch)
        while message is not None and run.status in ACTIVE:
            saga = saga_named(run.saga)
            assert saga is not None
            if not 0 < message.position <= saga.length:
                return
            self.at = At(run.forward, message.position)
            if self.at == until:
                return
            remote = saga.action(message.position, forward=run.forward).remote
            outcome = Outcome(Then.STOP)
            for _ in range(self.times):
                outcome = (run_remote if remote else run_local)(message)
            message = self._next(message, outcome)

    def quiet(self, within: float) -> None:
        """Sweep and deliver until no run is under way."""
        end = time.monotonic() + within
        while Run.objects.filter(status__in=ACTIVE).exists() and time.monotonic() < end:
            hurry_due()
            if not sweeping.sweep():
                time.sleep(0.05)
            self.catch_up()

    def lose(self) -> None:
        """What is published is never delivered: it is for somebody else to find."""
        self._published.clear()

    def catch_up(self) -> None:
        """Deliver what is published."""
        while self._published:
            self.deliver(self._published.popleft())

    def turn(self, run_id: UUID) -> None:
        """Turn the run round as late as it may be: everything before is begun by then."""
        run = Run.objects.get(pk=run_id)
        saga = saga_named(run.saga)
        assert saga is not None
        self.deliver(run_id, until=At(True, min(saga.last_turn, saga.length)))
        compensate(run_id, "crash test")
        on_fail(str(run_id))

    def _next(self, message: Message, outcome: Outcome) -> Message | None:
        if outcome.then is Then.REFUSED:
            on_fail(str(message.run_id))
        if outcome.then is not Then.GO_ON:
            return None
        return Message(message.run_id, outcome.position, message.epoch)
