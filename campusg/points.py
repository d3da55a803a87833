"""The points at which a process may die, by name: a crash test lets it, everybody else runs on.

Kept in the code and not patched into it from outside, so that whoever changes a step's order of
doing things sees which boundary they move.
"""

import enum
from collections.abc import Callable
from uuid import UUID


class Point(enum.StrEnum):
    """Every boundary of a step, of its publication, of those who look after both; of the relay."""

    STARTING = "starting"  # the run is inserted, its transaction not committed
    MESSAGE = "message"  # a message is in, nothing is locked
    EFFECT = "effect"  # a local step's effect is written, not committed
    COMMITTED = "committed"  # a local step is committed, its successor not published
    CLAIMING = "claiming"  # operation and lease are written, not committed
    CLAIMED = "claimed"  # committed; the call is not made
    CALLED = "called"  # the call is answered, nothing is saved
    RECORDING = "recording"  # the outcome is written, not committed
    RECORDED = "recorded"  # committed; the successor is not published
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    ERRBACK = "errback"
    SWEPT = "swept"  # the sweep has moved its runs' wake_at, and published none
    RELAYING = "relaying"  # an event is taken from the outbox, and not sent
    ACKNOWLEDGED = "acknowledged"  # the broker has it, and nothing says so
    MARKED = "marked"  # it is marked as published


def _nobody(point: Point, of: UUID) -> None:
    """In production nobody listens."""


_listener: Callable[[Point, UUID], None] = _nobody


def reach(point: Point, of: UUID) -> None:
    """This point is reached, of a run, or of an order whose event the relay carries."""
    _listener(point, of)


def listen(listener: Callable[[Point, UUID], None] | None) -> None:
    """Let `listener` hear of every point from now on, in this process; None for nobody."""
    global _listener
    _listener = listener or _nobody
