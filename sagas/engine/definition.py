"""A saga is a value: a table of steps that can be printed, compared and checked at import."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_type_hints

from sagas.engine import facts as factual
from sagas.engine.checks import check
from sagas.engine.participant import Participant, SagaMistake
from sagas.engine.results import Unkept


@dataclass(frozen=True)
class Step:
    """One row of the table: what is done, what takes it back, and how the row is special."""

    do: Participant
    compensate: Participant | None = None
    emits: str | None = None
    optional: bool = False
    pivot: bool = False
    undo_after_failure: bool = False


def step(
    do: Participant,
    *,
    compensate: Participant | None = None,
    emits: str | None = None,
    optional: bool = False,
    pivot: bool = False,
    undo_after_failure: bool = False,
) -> Step:
    """One row. `emits` names the event its service records; `optional`: a failure is logged and
    the run goes on; `pivot`: from here on only forward; `undo_after_failure`: undone even after
    a later compensation has failed (timers and notices, never money)."""
    return Step(do, compensate, emits, optional, pivot, undo_after_failure)


@dataclass(frozen=True)
class Promise:
    """What must be true when a run ends: a function that returns the difference in minor units, or
    an Unkept that says more about it."""

    function: Callable[..., int | Unkept]
    needs: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        hints = get_type_hints(self.function)
        needs = {k: v for k, v in hints.items() if k not in {"return", "completed"}}
        object.__setattr__(self, "needs", needs)

    def unkept(self, facts: Mapping[str, Any], *, completed: bool) -> Unkept | None:
        """None when the promise is kept, else what is out of place. A run undone before it knew
        what it would promise has promised nothing."""
        if not completed and not self.needs.keys() <= facts.keys():
            return None
        found = self.function(**factual.arguments(self.needs, facts), completed=completed)
        if isinstance(found, Unkept):
            return found
        if not found:
            return None
        what = "done" if completed else "undone"
        return Unkept(
            abs(found),
            f"everything is {what}, yet {found} minor units are out of place",
            "Compare the order's journals with its operations: manage.py verify_books.",
        )


class Saga:
    """A definition: a name, the facts it is given, and its rows, counted from 1.

    `promise` is checked when a run ends; `stake` names the fact that says how many minor units
    are at risk while a run is parked (`currency` is the fact that says of what).
    """

    registry: dict[str, "Saga"] = {}

    def __init__(
        self,
        name: str,
        *steps: Step,
        given: Any,
        promise: Callable[..., int | Unkept] | None = None,
        stake: str | None = None,
    ) -> None:
        self.name = name
        self.steps = steps
        self.given = factual.keys_of(given)
        self.promise = Promise(promise) if promise else None
        self.stake = stake
        check(self)
        if name in Saga.registry:
            raise SagaMistake(f"two sagas are named {name}")
        Saga.registry[name] = self

    def __repr__(self) -> str:
        return f"<Saga {self.name}: {len(self.steps)} steps>"

    @property
    def length(self) -> int:
        """How many steps it has."""
        return len(self.steps)

    @cached_property
    def pivot(self) -> int:
        """The position of the pivot; one past the end when there is none."""
        return next((p for p, s in enumerate(self.steps, 1) if s.pivot), self.length + 1)

    @cached_property
    def last_turn(self) -> int:
        """The last position at which a run can still be told to turn round. A pivot that calls
        out may have happened as soon as it is at hand."""
        calls_out = self.pivot <= self.length and self.step(self.pivot).do.remote
        return self.pivot - 1 if calls_out else self.pivot

    @cached_property
    def fingerprint(self) -> str:
        """Changes when the table changes in a way that a live run would notice."""
        rows = [
            (s.do.name, s.do.remote, sorted(map(str, s.do.needs)), sorted(s.do.gives),
             s.compensate and s.compensate.name, s.optional, s.pivot)
            for s in self.steps
        ]  # fmt: skip
        return hashlib.sha256(repr((self.name, rows)).encode()).hexdigest()[:12]

    def step(self, position: int) -> Step:
        """The row at `position`, from 1."""
        return self.steps[position - 1]

    def action(self, position: int, *, forward: bool) -> Participant:
        """What runs at `position`: the step forward, its compensation backward."""
        row = self.step(position)
        if forward:
            return row.do
        assert row.compensate is not None, f"{self.name} has nothing to undo at {position}"
        return row.compensate

    def is_local(self, position: int, *, forward: bool) -> bool:
        """Whether there is something to run at `position`, and it needs no call."""
        return 0 < position <= self.length and not self.action(position, forward=forward).remote

    def after(self, position: int, *, forward: bool) -> int:
        """The position that follows: the next row forward; backward the next one that has a
        compensation, 0 when none is left."""
        return position + 1 if forward else self.undo_from(position - 1)

    def undo_from(self, position: int, *, only_after_failure: bool = False) -> int:
        """The highest position at or below `position` with a compensation to run, else 0."""
        for at in range(min(position, self.length), 0, -1):
            row = self.step(at)
            if row.compensate and (row.undo_after_failure or not only_after_failure):
                return at
        return 0

    def path(self, position: int, *, forward: bool) -> Iterator[int]:
        """Every position from `position` to the end, in the order in which they run."""
        while 0 < position <= self.length:
            yield position
            position = self.after(position, forward=forward)

    @property
    def participants(self) -> Iterator[Participant]:
        """Everything that may run, forward or backward."""
        for row in self.steps:
            yield row.do
            if row.compensate:
                yield row.compensate


def fingerprint_of(name: str) -> str:
    """The fingerprint of this code's saga of that name; in words when it has none."""
    saga = saga_named(name)
    return saga.fingerprint if saga else "no such saga"


def saga_named(name: str) -> Saga | None:
    """The saga of that name, or None when this code has none (an older or newer deploy)."""
    return Saga.registry.get(name)
