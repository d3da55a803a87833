"""One cell, in a process of its own: bring the run to the step, and harm it there."""

import os
import sys
import traceback
from typing import Any
from uuid import UUID

import requests
from django.db import connection, connections
from django.db.models.functions import Now

from campusg.points import Point
from devstack.crashtest.cells import Cell, Harm
from devstack.crashtest.driver import Driver
from devstack.crashtest.relaying import place_in_line, relay_what_waits
from devstack.crashtest.scenes import FAULTS, Scene
from sagas.engine.sweeping import sweep
from sagas.models import Run

#: How the process of a cell ends: harmed, or not; else it broke.
HARMED, UNTOUCHED, BROKE = 70, 71, 72


class Harming(Driver):
    """A driver that harms its process once, when `cell` says so."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell
        self.harmed = False
        #: Whose event the relay is to be harmed with, and how many of theirs come before it.
        self.told, self.before = UUID(int=0), 0

    def hear(self, point: Point, of: UUID) -> None:
        super().hear(point, of)
        if self.harmed or point != self.cell.point or not self._here(of):
            return
        self.harmed = True
        if self.cell.harm is Harm.DIE:
            os._exit(HARMED)
        _cut_connection()

    def _here(self, of: UUID) -> bool:
        if not self.cell.relayed:
            return self.cell.at in (None, self.at)
        self.before -= of == self.told
        return of == self.told and self.before < 0

    def play(self, scene: Scene) -> None:
        """Bring the run there, and on as far as it goes by itself."""
        cell = self.cell
        run_id = scene.begin(requested=cell.requested)
        if cell.harm is Harm.TWICE:
            self.times, self.harmed = 2, True
        if cell.point is Point.SWEPT:
            Run.objects.filter(pk=run_id).update(wake_at=Now(), not_before=None)
            sweep()
        if cell.turns:
            self.turn(run_id)
        if cell.harm is Harm.DROP:
            self.deliver(run_id, until=cell.at)
            fault(scene.order_id, "drop_reply")
        self.deliver(run_id, until=None)
        if cell.harm is Harm.DROP:
            self.harmed = found(scene.order_id)
        if cell.relayed:
            self.relay(scene.order_id)

    def relay(self, order_id: UUID) -> None:
        """Carry the step's event to the broker."""
        assert self.cell.at is not None
        event = self.cell.saga.step(self.cell.at.position).emits
        assert event is not None
        if place := place_in_line(order_id, event):
            self.told, self.before = order_id, place - 1
            relay_what_waits()


def fault(order_id: UUID, kind: str, **more: Any) -> None:
    """Let the sandbox do this to the next call about the order."""
    match = {"method": "POST", "metadata": {"order_id": str(order_id)}}
    body: dict[str, Any] = {"kind": kind, "times": 1, "match": match, **more}
    requests.post(FAULTS, json=body, timeout=10).raise_for_status()


def found(order_id: UUID) -> bool:
    """Whether that fault has found its call."""
    left = requests.get(FAULTS, timeout=10).json()["data"]
    return not any(str(order_id) in str(one["match"]) and one["times"] for one in left)


def harm(cell: Cell, scene: Scene) -> tuple[int, str]:
    """Play the cell in a forked process; how that ended, and what it said if it broke."""
    connections.close_all()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(_played(cell, scene, writing))
    os.close(writing)
    with os.fdopen(reading) as words:
        said = words.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), said


def _played(cell: Cell, scene: Scene, writing: int) -> int:
    driver = Harming(cell)
    try:
        driver.play(scene)
    except Exception:
        if cell.harm is Harm.CUT and driver.harmed:
            return HARMED
        with os.fdopen(writing, "w") as words:
            traceback.print_exc(file=words)
        return BROKE
    finally:
        sys.stdout.flush()
    return HARMED if driver.harmed else UNTOUCHED


def _cut_connection() -> None:
    """As when the server's machine is gone: whatever is asked next fails."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        mine = cursor.fetchone()[0]
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [mine])
    other.close()
