"""What is proved about a saga when its file is imported."""

from typing import TYPE_CHECKING, Any

from sagas.engine.participant import Participant, RemoteParticipant, SagaMistake

if TYPE_CHECKING:
    from sagas.engine.definition import Saga, Step


def check(saga: "Saga") -> None:
    """Raise SagaMistake with a sentence that names the row and what to change."""
    if not saga.steps:
        raise SagaMistake(f"{saga.name} has no steps")
    _names_are_unique(saga)
    _shape(saga)
    _data_flow(saga)
    _known_early(saga)


def _names_are_unique(saga: "Saga") -> None:
    names = [row.do.name for row in saga.steps]
    for name in names:
        if names.count(name) > 1:
            raise SagaMistake(f"{saga.name} has {name} in two rows")
    for act in saga.participants:
        if isinstance(act, RemoteParticipant) and not act.complete:
            raise SagaMistake(f"{act.name} needs .call and .record besides its prepare")


def _shape(saga: "Saga") -> None:
    if sum(row.pivot for row in saga.steps) > 1:
        raise SagaMistake(f"{saga.name} has two pivots; only the last could be one")
    for position, row in enumerate(saga.steps, 1):
        where = f"{saga.name} row {position} {row.do.name}"
        if row.optional and row.do.remote:
            raise SagaMistake(f"{where} is remote: an unknown outcome can't be skipped (optional)")
        if row.optional and row.pivot:
            raise SagaMistake(f"{where} can't be both optional and the pivot")
        if row.undo_after_failure and not row.compensate:
            raise SagaMistake(f"{where} has nothing to undo after a failure")
        if position >= saga.pivot and row.compensate:
            raise SagaMistake(f"{where} has a compensation, but nothing is undone after the pivot")
        if position > saga.pivot and row.do.refuses:
            raise SagaMistake(f"{where} may refuse, but after the pivot a step must succeed")


def _data_flow(saga: "Saga") -> None:
    known: dict[str, Any] = dict(saga.given)
    for position, row in enumerate(saga.steps, 1):
        _fed(saga, position, row.do, known, "no earlier row gives it")
        if row.compensate:
            # The step may have begun and never told: its own facts can't be relied on.
            _fed(saga, position, row.compensate, known, "a compensation has only earlier facts")
        _learn(saga, position, row, known)


def _fed(
    saga: "Saga", position: int, act: Participant, known: dict[str, Any], otherwise: str
) -> None:
    for name, kind in act.needs.items():
        if name not in known:
            raise SagaMistake(f"{saga.name} row {position} {act.name} needs {name}; {otherwise}")
        if known[name] != kind:
            raise SagaMistake(
                f"{saga.name} row {position} {act.name} takes {name} as {kind}; it is {known[name]}"
            )


def _learn(saga: "Saga", position: int, row: "Step", known: dict[str, Any]) -> None:
    for name, kind in row.do.gives.items():
        if name in known:
            raise SagaMistake(
                f"{saga.name} row {position} {row.do.name} gives {name} a second time"
            )
        if not row.optional:
            known[name] = kind


def _known_early(saga: "Saga") -> None:
    """The promise and the stake are looked at wherever a run stops, so they may only use facts
    that the first transaction already has."""
    early = dict(saga.given)
    for row in saga.steps:
        if row.do.remote:
            break
        early |= row.do.gives
    for name in [*(saga.promise.needs if saga.promise else ()), *filter(None, [saga.stake])]:
        if name not in early:
            raise SagaMistake(f"{saga.name} promises by {name}, which isn't known from the start")
