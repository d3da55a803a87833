"""A saga is checked when its file is imported: each mistake is a sentence that names the row."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TypedDict
from uuid import UUID, uuid4

import pytest

from campusg.errors import Refused
from sagas.create_order import create_order
from sagas.engine import Saga, SagaMistake, participant, remote_participant, step
from sagas.engine import facts as factual
from sagas.engine.participant import Retry


class Given(TypedDict):
    order_id: UUID


class Named(TypedDict):
    name: str


class Counted(TypedDict):
    count: int


@participant()
def give_name(*, order_id: UUID) -> Named:
    return {"name": "noodles"}


@participant()
def need_name(*, name: str) -> None: ...


@participant()
def need_count(*, count: int) -> None: ...


@participant()
def undo_by_name(*, name: str) -> None: ...


@participant()
def undo(*, order_id: UUID) -> None: ...


@participant(refuses=Refused)
def may_refuse(*, order_id: UUID) -> None: ...


@participant()
def plain(*, order_id: UUID) -> None: ...


@remote_participant()
def unfinished(*, order_id: UUID) -> Any: ...


@remote_participant()
def remote(*, order_id: UUID) -> Any: ...


remote.call(lambda call: None)
remote.record(lambda call, reply: {})


@participant()
def name_as_number(*, name: int) -> None: ...


def promise_by_name(*, name: str, completed: bool) -> int:
    return 0


@pytest.fixture
def saga() -> Iterator[Callable[..., Saga]]:
    """Make a saga that is forgotten after the test."""
    before = dict(Saga.registry)
    yield lambda *steps, **more: Saga("sketch", *steps, **{"given": Given, **more})
    Saga.registry.clear()
    Saga.registry.update(before)


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ([], "sketch has no steps"),
        ([step(need_count)],
         "sketch row 1 test_definition.need_count needs count; no earlier row gives it"),
        ([step(need_name), step(give_name)], "row 1 test_definition.need_name needs name"),
        ([step(give_name), step(name_as_number)], "takes name as <class 'int'>; it is"),
        ([step(give_name, compensate=undo_by_name)], "a compensation has only earlier facts"),
        ([step(plain), step(plain)], "has test_definition.plain in two rows"),
        ([step(plain, pivot=True), step(undo, pivot=True)], "two pivots"),
        ([step(plain, pivot=True), step(may_refuse)], "after the pivot a step must succeed"),
        ([step(plain, pivot=True), step(need_name, compensate=undo)], "nothing is undone after"),
        ([step(remote, optional=True)], "can't be skipped"),
        ([step(plain, optional=True, pivot=True)], "can't be both"),
        ([step(plain, undo_after_failure=True)], "has nothing to undo"),
        ([step(unfinished)], "unfinished needs .call and .record"),
        ([step(give_name, optional=True), step(need_name)], "needs name; no earlier row gives it"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_table_is_a_sentence_at_import(
    saga: Callable[..., Saga], steps: list[Any], sentence: str
) -> None:
    with pytest.raises(SagaMistake) as mistake:
        saga(*steps)
    assert sentence in str(mistake.value)


def test_a_fact_may_not_be_given_twice(saga: Callable[..., Saga]) -> None:
    with pytest.raises(SagaMistake, match="gives name a second time"):
        saga(step(give_name), given=type("G", (), {"__annotations__": {**Given.__annotations__,
                                                                       "name": str}}))  # fmt: skip


def test_a_promise_may_only_use_what_is_known_from_the_start(saga: Callable[..., Saga]) -> None:
    with pytest.raises(SagaMistake, match="isn't known from the start"):
        saga(step(remote), step(give_name), promise=promise_by_name)
    assert saga(step(give_name), step(remote), promise=promise_by_name).promise


def test_two_sagas_may_not_share_a_name(saga: Callable[..., Saga]) -> None:
    saga(step(plain))
    with pytest.raises(SagaMistake, match="two sagas are named sketch"):
        saga(step(plain))


def test_positional_or_untyped_parameters_are_mistakes() -> None:
    with pytest.raises(SagaMistake, match="must be keyword-only"):
        participant()(lambda order_id: None)


def test_the_fingerprint_changes_with_the_table_and_with_nothing_else() -> None:
    def printed(*steps: Any) -> str:
        try:
            return Saga("sketch", *steps, given=Given).fingerprint
        finally:
            Saga.registry.pop("sketch", None)

    assert printed(step(plain), step(undo)) == printed(step(plain), step(undo))
    others = [
        printed(step(undo), step(plain)),
        printed(step(plain, optional=True), step(undo)),
        printed(step(plain, compensate=undo)),
        printed(step(plain), step(undo, pivot=True)),
    ]
    assert len({printed(step(plain), step(undo)), *others}) == 5


def test_a_table_is_a_value_that_can_be_compared() -> None:
    from sagas.participants import escrow, orders, payments, scheduler, users

    assert create_order.steps == (
        step(users.get_customer),
        step(orders.create, compensate=orders.cancel, emits="order.pending_payment"),
        step(payments.authorize, compensate=payments.release, emits="payment.authorized"),
        step(escrow.hold, compensate=escrow.cancel, emits="escrow.held"),
        step(orders.mark_created, emits="order.created", pivot=True),
        step(scheduler.start_order_timeout, optional=True),
    )


@pytest.mark.parametrize(
    ("position", "undone"), [(1, []), (2, [2]), (3, [3, 2]), (4, [4, 3, 2]), (5, [4, 3, 2])]
)
def test_compensation_walks_back_over_every_row_that_has_one(
    position: int, undone: list[int]
) -> None:
    first = create_order.undo_from(position)
    assert list(create_order.path(first, forward=False)) == undone


def test_facts_survive_the_way_through_json() -> None:
    known = {"id": uuid4(), "at": datetime(2026, 1, 2, tzinfo=UTC), "cents": 5, "list": [{"a": 1}]}
    stored = factual.to_json(known)
    assert stored["id"] == str(known["id"])
    kinds = {"id": UUID, "at": datetime, "cents": int, "list": list}
    assert factual.arguments(kinds, stored) == known


def test_the_digest_of_facts_does_not_depend_on_their_order() -> None:
    assert factual.digest({"a": 1, "b": 2}) == factual.digest({"b": 2, "a": 1})
    assert factual.digest({"a": 1}) != factual.digest({"a": 2})


def test_retries_double_and_stop_at_the_cap() -> None:
    retry = Retry(tries=9, first_seconds=0.5, cap_seconds=4)
    assert [retry.delay(attempt) for attempt in (1, 2, 3, 4, 5, 6)] == [0.5, 1, 2, 4, 4, 4]
