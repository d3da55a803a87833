"""The cells of the matrix: every scene's every step, forward and back, at every point."""

import enum
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from campusg.points import Point
from devstack.crashtest.driver import At
from devstack.crashtest.scenes import LEFT, SCENES
from sagas.engine.definition import Saga

LOCAL = (Point.MESSAGE, Point.EFFECT, Point.COMMITTED)
REMOTE = (
    Point.MESSAGE, Point.CLAIMING, Point.CLAIMED, Point.CALLED, Point.RECORDING, Point.RECORDED
)  # fmt: skip
#: Of a run as a whole, whatever its step.
WHOLE = (Point.STARTING, Point.PUBLISHING, Point.PUBLISHED, Point.SWEPT)
#: Of the event that a step records, once the relay has it.
RELAY = (Point.RELAYING, Point.ACKNOWLEDGED, Point.MARKED)


class Harm(enum.StrEnum):
    """What happens there."""

    DIE = "die"  # the process is gone at once
    KILL = "kill"  # a Celery worker is, by SIGKILL in the midst of the step
    CUT = "cut"  # its database connection is
    TWICE = "twice"  # every message comes two times
    DROP = "drop"  # Stripe does it, and its answer is lost


@dataclass(frozen=True)
class Cell:
    """One run, harmed in one way. `at` is None where the harm is not a step's."""

    scene: str
    harm: Harm
    at: At | None = None
    point: Point | None = None

    @property
    def saga(self) -> Saga:
        """The saga whose run is harmed."""
        return Saga.registry[self.scene.partition(" ")[0]]

    @property
    def name(self) -> str:
        """`create_order:do:3:called:die`: enough to run it again."""
        way, position = "do", 0
        if self.at is not None:
            way, position = "do" if self.at.forward else "undo", self.at.position
        return f"{self.scene}:{way}:{position}:{self.point or 'any'}:{self.harm}"

    @property
    def row(self) -> tuple[str, str]:
        """Its line in the matrix: the scene, and the step."""
        if self.at is None:
            return self.scene, "the run"
        step = self.saga.action(self.at.position, forward=self.at.forward)
        return self.scene, f"{self.at.position} {step}" + ("" if self.at.forward else " (undo)")

    @property
    def column(self) -> str:
        """Its column in the matrix."""
        return f"{self.harm} {self.point}" if self.point else str(self.harm)

    @property
    def requested(self) -> bool:
        """Whether it is about a run that begins in a request, its leading steps at once."""
        return self.point in (Point.STARTING, Point.PUBLISHING, Point.PUBLISHED)

    @property
    def relayed(self) -> bool:
        """Whether it is about the relay, and no longer about the run."""
        return self.point in RELAY

    @property
    def turns(self) -> bool:
        """Whether the run has to turn round for it."""
        return self.point is Point.ERRBACK or (self.at is not None and not self.at.forward)


def cells(scenes: list[str]) -> list[Cell]:
    """Every cell of these scenes."""
    return [cell for scene in scenes for cell in _of(scene)]


def named(name: str) -> Cell | None:
    """The cell of that name, if there is one."""
    scene = [name.partition(":")[0]]
    return next((one for one in cells([*SCENES.keys() & scene]) if one.name == name), None)


def sample(all_cells: list[Cell], count: int, seed: int) -> list[Cell]:
    """So many of them, the same ones for the same seed, and of every kind as many."""
    shuffled = random.Random(seed).sample(all_cells, len(all_cells))
    before: Counter[tuple[Harm, bool]] = Counter()
    ranks = {}
    for cell in shuffled:
        kind = cell.harm, cell.relayed
        ranks[cell] = before[kind]
        before[kind] += 1
    return sorted(shuffled, key=lambda cell: ranks[cell])[:count]


def scenes_of(sagas: list[str]) -> list[str]:
    """The scenes of these sagas; of all when none is named."""
    return [scene for scene in SCENES if not sagas or scene.partition(" ")[0] in sagas]


def _of(scene: str) -> Iterator[Cell]:
    saga = Saga.registry[scene.partition(" ")[0]]
    begun = () if scene in LEFT else (Point.STARTING, Point.PUBLISHING, Point.PUBLISHED)
    for point in (*begun, Point.SWEPT):
        yield Cell(scene, Harm.DIE, None, point)
    for position in range(1, saga.length + 1):
        yield from _at(scene, saga, At(True, position))
        if saga.step(position).emits:
            yield from _told(scene, At(True, position))
    undone = [
        position
        for position in range(1, min(saga.last_turn, saga.length) + 1)
        if saga.step(position).compensate is not None
    ]
    if undone:
        yield Cell(scene, Harm.DIE, None, Point.ERRBACK)
    for position in reversed(undone):
        yield from _at(scene, saga, At(False, position))


def _at(scene: str, saga: Saga, at: At) -> Iterator[Cell]:
    remote = saga.action(at.position, forward=at.forward).remote
    for point in REMOTE if remote else LOCAL:
        yield Cell(scene, Harm.DIE, at, point)
        yield Cell(scene, Harm.CUT, at, point)
    yield Cell(scene, Harm.KILL, at)
    yield Cell(scene, Harm.TWICE, at)
    if remote:
        yield Cell(scene, Harm.DROP, at)


def _told(scene: str, at: At) -> Iterator[Cell]:
    for point in RELAY:
        yield Cell(scene, Harm.DIE, at, point)
    # Between the two databases: the broker has it, and we cannot say so.
    yield Cell(scene, Harm.CUT, at, Point.ACKNOWLEDGED)
