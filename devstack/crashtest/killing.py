"""Workers that die by SIGKILL in the midst of a step, and the one that finds what they left."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db.models.functions import Now

from devstack.crashtest.cells import Cell
from devstack.crashtest.driver import Driver
from devstack.crashtest.harming import HARMED, UNTOUCHED, fault, found
from devstack.crashtest.scenes import Scene
from devstack.process import leash
from devstack.stripe import CHECKOUT
from sagas.engine.definition import Saga
from sagas.engine.publishing import message
from sagas.models import ACTIVE, Run

#: Seconds that the sandbox holds a call open before its effect: nobody is there any more then.
HELD = 2.0
#: Seconds for a worker to come up, take its message and get to the step.
THERE_WITHIN = 30.0
#: Workers that wait with everything imported.
SPARE = 2


class Victim:
    """A `celery worker` that reads its orders before it is at the broker."""

    def __init__(self, log: Path) -> None:
        self.told, telling = os.pipe()
        self._telling = telling
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                _worker("-I", "devstack.crashtest.victim"), cwd=CHECKOUT, env=_environment(),
                stdin=subprocess.PIPE, stdout=output, stderr=output, pass_fds=[telling],
                start_new_session=True,
            )  # fmt: skip

    def go(self, run_id: UUID) -> None:
        """Take messages; stand still in the midst of this run's local step."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{run_id} {self._telling}\n".encode())
        self._process.stdin.flush()

    @property
    def stands_still(self) -> bool:
        """Whether it is in the midst of its step."""
        return bool(select.select([self.told], [], [], 0)[0])

    def kill(self) -> None:
        """SIGKILL, the whole process group."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        os.close(self.told)
        os.close(self._telling)


class Slaughter:
    """A worker for every cell: the next ones come up while one is killed."""

    def __init__(self, folder: Path, driver: Driver) -> None:
        self._log = folder / "victims.log"
        self._driver = driver
        self._spare: list[Victim] = []

    def __enter__(self) -> "Slaughter":
        return self

    def __exit__(self, *_: Any) -> None:
        for one in self._spare:
            one.kill()

    def kill(self, cell: Cell, scene: Scene) -> tuple[int, str]:
        """Bring the run to the step, and have a worker killed in it; how that ended."""
        assert cell.at is not None
        victim = self._next()
        try:
            run_id = scene.begin()
            if cell.turns:
                self._driver.turn(run_id)
            self._driver.deliver(run_id, until=cell.at)
            run = Run.objects.get(pk=run_id)
            if run.status not in ACTIVE or (run.forward, run.position) != tuple(cell.at):
                return UNTOUCHED, ""
            calls = Saga.registry[run.saga].action(run.position, forward=run.forward).remote
            if calls:
                fault(scene.order_id, "delay_then_apply", seconds=HELD)
            _send(run)
            victim.go(run_id)
            return (HARMED if self._got_there(victim, run, scene, calls=calls) else UNTOUCHED), ""
        finally:
            victim.kill()

    def _next(self) -> Victim:
        self._spare += [Victim(self._log) for _ in range(SPARE + 1 - len(self._spare))]
        return self._spare.pop(0)

    def _got_there(self, victim: Victim, before: Run, scene: Scene, *, calls: bool) -> bool:
        """Whether the worker is in the midst of the step; False when it got through it, because
        nothing had to be called."""
        end = time.monotonic() + THERE_WITHIN
        while time.monotonic() < end:
            if found(scene.order_id) if calls else victim.stands_still:
                return True
            now = Run.objects.get(pk=before.pk)
            if (now.status, now.position, now.epoch) != (
                before.status, before.position, before.epoch
            ):  # fmt: skip
                return False
            time.sleep(0.02)
        raise TimeoutError(f"No worker got to the step within {THERE_WITHIN:.0f} s.")


def rescue(folder: Path, within: float) -> None:
    """One more worker, as an operator starts it, until no run is under way."""
    with (folder / "rescuer.log").open("ab") as output:
        worker = subprocess.Popen(
            _worker(), cwd=CHECKOUT, env=_environment() | {"SAGA_FAST_PATH": "batch"},
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        end = time.monotonic() + within
        while Run.objects.filter(status__in=ACTIVE).exists() and time.monotonic() < end:
            time.sleep(0.1)
    finally:
        worker.terminate()
        worker.wait()


def _worker(*arguments: str) -> list[str]:
    celery = [sys.executable, "-m", "celery", "-A", "campusg", "worker", "-l", "warning"]
    return [*leash(signal.SIGKILL), *celery, *arguments]


def _environment() -> dict[str, str]:
    """Ours, but with a broker, as every other worker has it."""
    ours = {name: str(getattr(settings, name)) for name in _SHARED}
    return os.environ | ours | {"DJANGO_SETTINGS_MODULE": "campusg.settings.local", "DEBUG": "0"}


_SHARED = (
    "CAMPUSG_ENV", "SAGA_FAST_PATH", "SAGA_RETRY_SCALE", "STRIPE_RETRY_SCALE",
    "ORDER_TIMEOUT_SECONDS", "DELIVERY_REMINDER_SECONDS", "ESCROW_TIMEOUT_SECONDS",
)  # fmt: skip


def _send(run: Run) -> None:
    """The run's next message, to where workers listen; nothing else is there."""
    act = Saga.registry[run.saga].action(run.position, forward=run.forward)
    Run.objects.filter(pk=run.pk).update(not_before=None, lease_until=None, wake_at=Now())
    with current_app.connection_for_write(settings.REDIS_URL) as broker:
        broker.default_channel.client.flushdb()  # type: ignore[attr-defined]
        message(act, str(run.pk), run.position, run.epoch).apply_async(connection=broker)
