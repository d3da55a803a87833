"""One cell, in a process of its own: bring the run to the step, and harm it there."""

import os
import sys
import traceback
from typing import Any
from uuid import UUID

import requests
from django.db import connection, connections
from django.db.models.functions import Now

from devstack.crashtest.cells import Cell, Harm
from devstack.crashtest.driver import Driver
from devstack.crashtest.scenes import FAULTS, Scene
from sagas.engine.points import Point
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

    def hear(self, point: Point, run_id: UUID) -> None:
        super().hear(point, run_id)
        if self.harmed or point != self.cell.point or self.cell.at not in (None, self.at):
            return
        self.harmed = True
        if self.cell.harm is Harm.DIE:
            os._exit(HARMED)
        _cut_connection()

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
            _drop_the_next_reply(scene.order_id)
        self.deliver(run_id, until=None)
        if cell.harm is Harm.DROP:
            self.harmed = _dropped(scene.order_id)


def _drop_the_next_reply(order_id: UUID) -> None:
    match = {"method": "POST", "metadata": {"order_id": str(order_id)}}
    body: dict[str, Any] = {"kind": "drop_reply", "times": 1, "match": match}
    requests.post(FAULTS, json=body, timeout=10).raise_for_status()


def _dropped(order_id: UUID) -> bool:
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
