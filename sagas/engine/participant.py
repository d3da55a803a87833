"""A participant: one typed function (or three, when it calls out) that a saga can use as a step."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from campusg.errors import Refused
from sagas.engine import facts as factual
from sagas.engine.results import Result


class SagaMistake(Exception):
    """A saga or participant is written wrong; raised at import, so it never reaches a user."""


@dataclass(frozen=True)
class Retry:
    """How often a failing step is tried, and how far apart. Waits live in the run's `wake_at`."""

    tries: int = 5
    first_seconds: float = 0.5
    cap_seconds: float = 60.0

    def delay(self, attempt: int) -> float:
        """Seconds to wait after failed try number `attempt` (from 1): doubling, capped."""
        return min(self.cap_seconds, self.first_seconds * 2.0 ** (attempt - 1))


class Participant:
    """A local step: its effect commits together with the record that it happened."""

    remote = False

    def __init__(
        self,
        function: Callable[..., Any],
        gives: Any,
        refuses: tuple[type[Refused], ...],
        retry: Retry,
    ) -> None:
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        self.purpose = (inspect.getdoc(function) or "").partition("\n")[0]
        self.refuses = refuses
        self.retry = retry
        self.needs = _parameters(self.name, function)
        self.gives = factual.keys_of(gives)
        self._function = function

    def __call__(self, **arguments: Any) -> Any:
        """The function itself, for tests and for other participants."""
        return self._function(**arguments)

    def __repr__(self) -> str:
        return self.name

    def run(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Do it with what the run knows; the new facts, ready to be stored."""
        return self._facts(self._function(**factual.arguments(self.needs, facts)))

    def _facts(self, gained: Mapping[str, Any] | None) -> dict[str, Any]:
        gained = gained or {}
        if set(gained) != set(self.gives):
            raise SagaMistake(f"{self.name} gave {sorted(gained)}, declared {sorted(self.gives)}")
        return factual.to_json(gained)


class RemoteParticipant(Participant):
    """A step that calls out, in three functions under one name.

    The decorated function *prepares* (first transaction: writes the operation, returns the call,
    or its `Result` when nothing needs calling); `.call` makes the call and nothing else; `.record`
    (second transaction) saves what came back and returns the facts or another `Result`.
    """

    remote = True

    def __init__(
        self,
        function: Callable[..., Any],
        gives: Any,
        refuses: tuple[type[Refused], ...],
        retry: Retry,
    ) -> None:
        super().__init__(function, gives, refuses, retry)
        self._call: Callable[[Any], Any] | None = None
        self._record: Callable[[Any, Any], Result] | None = None

    def call(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Declare the function that talks to the network (a decorator)."""
        self._call = function
        return function

    def record(self, function: Callable[[Any, Any], Result]) -> Callable[[Any, Any], Result]:
        """Declare the function that saves the outcome (a decorator)."""
        self._record = function
        return function

    @property
    def complete(self) -> bool:
        """True when all three functions are there."""
        return self._call is not None and self._record is not None

    def prepare(self, facts: Mapping[str, Any]) -> Any:
        """The call to make; or, when there is nothing to call, None or the `Result`."""
        call = self._function(**factual.arguments(self.needs, facts))
        return self._facts(call) if isinstance(call, Mapping) else call

    def make_call(self, call: Any) -> Any:
        """Talk to the network; never inside a transaction (the gateway refuses that)."""
        assert self._call is not None
        return self._call(call)

    def record_outcome(self, call: Any, reply: Any) -> Result:
        """Save what came back; a mapping comes out as stored facts."""
        assert self._record is not None
        result = self._record(call, reply)
        return self._facts(result) if isinstance(result, Mapping) else result


def participant(
    *, refuses: type[Refused] | tuple[type[Refused], ...] = (), retry: Retry | None = None
) -> Callable[[Callable[..., Any]], Participant]:
    """Declare a local step. `refuses`: the refusals it may raise."""

    def declare(function: Callable[..., Any]) -> Participant:
        gives = get_type_hints(function).get("return")
        return Participant(function, gives, _tuple(refuses), retry or Retry())

    return declare


def remote_participant(
    *,
    gives: Any = None,
    refuses: type[Refused] | tuple[type[Refused], ...] = (),
    retry: Retry | None = None,
) -> Callable[[Callable[..., Any]], RemoteParticipant]:
    """Declare a step that calls out. `gives`: a TypedDict of the facts its `record` returns."""

    def declare(function: Callable[..., Any]) -> RemoteParticipant:
        return RemoteParticipant(function, gives, _tuple(refuses), retry or Retry())

    return declare


def _tuple(refuses: type[Refused] | tuple[type[Refused], ...]) -> tuple[type[Refused], ...]:
    return refuses if isinstance(refuses, tuple) else (refuses,)


def _parameters(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    hints = get_type_hints(function)
    needs = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise SagaMistake(f"{name}({parameter.name}) must be keyword-only: facts fill by name")
        if parameter.name not in hints:
            raise SagaMistake(f"{name}({parameter.name}) needs a type")
        needs[parameter.name] = hints[parameter.name]
    return needs
