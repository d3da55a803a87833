"""What a remote step can come back with, besides its facts or a refusal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campusg.errors import Refused


@dataclass(frozen=True)
class Unknown:
    """Nobody knows yet whether it happened; look again at `retry_at` (database time), or when
    `signal` tells that it is known."""

    retry_at: datetime
    why: str
    signal: str = ""


@dataclass(frozen=True)
class Waiting:
    """It waits for something outside; `engine.signal(run, signal)` or `until` wakes the run."""

    signal: str
    until: datetime


@dataclass(frozen=True)
class Again:
    """That call is settled but the step needs another: prepare once more, now."""


@dataclass(frozen=True)
class Unkept:
    """A promise that does not hold: by how many minor units, why, and what a person can do."""

    amount: int
    reason: str
    remedy: str


#: A `record` returns facts, or one of these. A refusal is returned, not raised: raising would
#: roll back the very outcome that was just learnt.
Result = Mapping[str, Any] | Refused | Unknown | Waiting | Again

#: The same, for `isinstance`.
RESULTS = (Mapping, Refused, Unknown, Waiting, Again)
