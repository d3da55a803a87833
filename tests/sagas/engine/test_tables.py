"""Tables, participants and facts as values: nothing here needs a run."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict
from uuid import UUID, uuid4

import pytest

from campusg.errors import Refused
from sagas.engine import Saga, SagaMistake, Unkept, participant, progress, remote_participant, step
from sagas.engine import facts as factual
from sagas.engine.definition import Promise, saga_named
from sagas.engine.participant import Retry
from sagas.models import Run
from sagas.refund_order import refund_order
from tests.sagas.engine import toys

ID = UUID("01a1f6f2-0000-7000-8000-000000000001")
NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


class Learnt(TypedDict):
    when: datetime
    who: UUID | None


# Facts.


def test_facts_are_written_as_json_and_read_by_their_type() -> None:
    facts = {"who": ID, "when": NOW, "n": 7, "nobody": None, "list": [{"id": ID}], "flag": True}
    stored = factual.to_json(facts)
    assert stored == {
        "who": str(ID), "when": NOW.isoformat(), "n": 7, "nobody": None,
        "list": [{"id": str(ID)}], "flag": True,
    }  # fmt: skip
    needs = {"who": UUID | None, "when": datetime, "n": int, "nobody": UUID | None}
    read = factual.arguments(needs, stored)
    assert read == {"who": ID, "when": NOW, "n": 7, "nobody": None}


def test_the_digest_is_of_the_facts_and_of_nothing_else() -> None:
    one = factual.digest({"a": 1, "b": ID})
    assert one == factual.digest({"b": str(ID), "a": 1})
    assert one != factual.digest({"a": 2, "b": ID})


def test_the_keys_of_nothing_are_none() -> None:
    assert factual.keys_of(None) == factual.keys_of(type(None)) == {}
    assert factual.keys_of(Learnt) == {"when": datetime, "who": UUID | None}


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        (int, 1, True), (int, True, False), (int, "1", False), (str, "1", True), (str, 1, False),
        (UUID, str(ID), True), (UUID, "nobody", False), (UUID, 7, False),
        (datetime, NOW.isoformat(), True), (datetime, "soon", False),
        (UUID | None, str(ID), True), (UUID | None, None, True), (UUID | None, "nobody", False),
        (bool, True, True), (list[int], "anything", True),
    ],
)  # fmt: skip
def test_what_a_person_gives_is_of_the_kind_or_not(kind: Any, value: Any, fits: bool) -> None:
    assert factual.fits(kind, value) == fits


def test_a_kind_has_a_name() -> None:
    assert factual.name_of(int) == "int"
    assert factual.name_of(UUID | None) == "uuid.UUID | None"


# Participants.


class No(Refused):
    pass


class Never(Refused):
    pass


@participant(refuses=No)
def plain(*, who: UUID, n: int) -> None:
    """Do it.

    At length.
    """


@participant(refuses=(No, Never), retry=Retry(tries=2))
def learns(*, when: str) -> Learnt:
    return {"when": datetime.fromisoformat(when), "who": None}


@remote_participant(gives=Learnt, refuses=No)
def far(*, who: UUID) -> Any:
    return None if who == ID else {"when": NOW, "who": who}


def test_a_participant_knows_its_name_its_purpose_and_what_it_needs() -> None:
    assert (plain.name, repr(plain), plain.purpose) == ("test_tables.plain",) * 2 + ("Do it.",)
    assert (plain.needs, plain.gives) == ({"who": UUID, "n": int}, {})
    assert (plain.refuses, plain.retry, plain.remote) == ((No,), Retry(), False)
    assert (learns.refuses, learns.retry.tries) == ((No, Never), 2)
    assert learns.gives == far.gives == {"when": datetime, "who": UUID | None}
    assert (learns.purpose, far.remote, far.refuses) == ("", True, (No,))
    assert (Retry().tries, Retry().first_seconds, Retry().cap_seconds) == (5, 0.5, 60)


def test_a_participant_may_announce_one_refusal_or_many() -> None:
    @participant(refuses=(No, Never))
    def both(*, n: int) -> None: ...

    @remote_participant(refuses=No)
    def one(*, n: int) -> None: ...

    assert (both.refuses, one.refuses) == ((No, Never), (No,))
    assert both.retry == one.retry == Retry()


def test_what_is_learnt_is_stored_as_json() -> None:
    stored = {"when": NOW.isoformat(), "who": None}
    assert learns.run({"when": NOW.isoformat(), "more": 1}) == stored
    assert learns(when=NOW.isoformat()) == {"when": NOW, "who": None}
    assert plain.run({"who": str(ID), "n": 1}) == {}


def test_a_participant_gives_what_it_declared_and_no_more() -> None:
    @participant()
    def liar(*, n: int) -> Learnt:
        return {"when": NOW}  # type: ignore[typeddict-item]

    with pytest.raises(SagaMistake, match=r"liar gave \['when'\], declared \['when', 'who'\]"):
        liar.run({"n": 1})


def test_a_far_participant_is_three_functions() -> None:
    @remote_participant(gives=Learnt, refuses=No)
    def far(*, who: UUID) -> Any:
        return None if who == ID else {"when": NOW, "who": who}

    assert not far.complete
    called = far.call(lambda call: ("answered", call))
    assert not far.complete
    recorded = far.record(lambda call, reply: {"when": NOW, "who": None})
    assert far.complete
    assert called("x") == far.make_call("x") == ("answered", "x")
    assert isinstance(recorded("x", "y"), Mapping)
    assert far.record_outcome("x", "y") == {"when": NOW.isoformat(), "who": None}
    assert far.prepare({"who": str(ID)}) is None
    other = uuid4()
    known = {"when": NOW.isoformat(), "who": str(other)}
    assert far.prepare({"who": str(other)}) == known


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.5), (2, 1), (3, 2), (7, 32), (8, 60)])
def test_a_step_that_breaks_is_tried_ever_more_rarely(attempt: int, seconds: float) -> None:
    assert Retry().delay(attempt) == seconds


# Tables.


def test_a_row_is_as_it_was_written() -> None:
    row = step(toys.a, compensate=toys.undo_a, emits="a.done", undo_after_failure=True)
    assert (row.do, row.compensate, row.emits) == (toys.a, toys.undo_a, "a.done")
    assert (row.optional, row.pivot, row.undo_after_failure) == (False, False, True)
    plainly = step(toys.a, optional=True, pivot=True)
    assert (plainly.compensate, plainly.emits, plainly.undo_after_failure) == (None, None, False)
    assert (plainly.optional, plainly.pivot) == (True, True)


def test_a_saga_is_found_by_its_name_and_is_itself_only() -> None:
    assert saga_named("toy_local") is toys.local_saga
    assert saga_named("toy_none") is None
    assert repr(toys.local_saga) == "<Saga toy_local: 4 steps>"
    assert toys.local_saga != toys.pivot_saga != "toy_pivot"
    assert len({toys.local_saga, toys.pivot_saga}) == 2
    assert (toys.local_saga.stake, toys.local_saga.given) == (None, {"token": str, "script": dict})


@pytest.mark.parametrize(
    ("saga", "pivot", "last_turn"),
    [(toys.local_saga, 5, 5), (toys.pivot_saga, 2, 2), (toys.far_pivot_saga, 2, 1)],
    ids=str,
)
def test_a_run_turns_round_up_to_its_pivot(saga: Saga, pivot: int, last_turn: int) -> None:
    assert (Saga.pivot.func(saga), Saga.last_turn.func(saga)) == (pivot, last_turn)


def test_what_is_at_stake_is_a_fact_as_soon_as_it_is_known() -> None:
    for facts, amount in (({"refund_due": 500}, 500), ({}, 0)):
        run = Run(saga="refund_order", facts=facts, epoch=1, fence=1)
        progress.park(run, refund_order, "it broke", "mend it")
        assert run.amount_at_risk == amount


def test_the_way_there_and_back() -> None:
    saga = toys.local_saga
    assert [*saga.path(2, forward=True)] == [2, 3, 4]
    assert [*saga.path(3, forward=False)] == [3, 2, 1]
    assert [*saga.path(0, forward=True)] == [*saga.path(5, forward=True)] == []
    assert saga.after(4, forward=True) == 5
    assert saga.after(4, forward=False) == 3
    assert saga.after(1, forward=False) == 0
    assert saga.undo_from(9) == saga.undo_from(4) == 3
    assert toys.timer_saga.undo_from(3, only_after_failure=True) == 1
    assert saga.undo_from(4, only_after_failure=True) == 0
    assert (saga.action(2, forward=True), saga.action(2, forward=False)) == (toys.b, toys.undo_b)
    with pytest.raises(AssertionError, match="nothing to undo at 4"):
        saga.action(4, forward=False)
    assert [*map(str, saga.participants)] == [
        "toys.a", "toys.undo_a", "toys.b", "toys.undo_b", "toys.c", "toys.undo_c", "toys.d",
    ]  # fmt: skip


def test_the_fingerprint_is_of_everything_that_a_live_run_would_notice() -> None:
    table = [step(toys.a, compensate=toys.undo_a), step(toys.b, pivot=True), step(toys.after)]
    prints = {Saga.fingerprint.func(toys.pivot_saga)}

    def of(*rows: Any, name: str = "toy_pivot") -> str:
        saga = Saga(f"print_{len(prints)}", *rows, given=toys.Given)
        del Saga.registry[saga.name]
        saga.name = name
        return Saga.fingerprint.func(saga)

    assert of(*table) in prints
    for rows in (
        table[:2],
        [table[0], step(toys.b), table[2]],
        [step(toys.a), *table[1:]],
        [step(toys.a, compensate=toys.undo_b), *table[1:]],
        [step(toys.c, compensate=toys.undo_a), *table[1:]],
        [table[0], table[1], step(toys.after, optional=True)],
        [table[0], step(toys.remote, pivot=True), table[2]],
    ):
        prints.add(of(*rows))
    prints.add(of(*table, name="another"))
    assert len(prints) == 9
    assert all(len(one) == 12 for one in prints)


def test_a_promise_is_asked_with_what_is_known_and_says_what_is_out_of_place() -> None:
    promise = Promise(toys.promised)
    assert promise.needs == {"token": str, "script": dict}
    known = {"token": "x", "script": {}}
    assert promise.unkept(known, completed=True) is None
    assert promise.unkept({"token": "x"}, completed=False) is None
    with pytest.raises(KeyError):
        promise.unkept({"token": "x"}, completed=True)
    for completed, word in ((True, "done"), (False, "undone")):
        found = promise.unkept({"token": "x", "script": {"difference": -7}}, completed=completed)
        assert found is not None
        assert found.amount == 7
        assert found.reason == f"everything is {word}, yet -7 minor units are out of place"
        assert "verify_books" in found.remedy


def test_a_promise_may_say_more_of_it_itself() -> None:
    said = Unkept(3, "three are gone", "Find them.")

    def broken(*, token: str, completed: bool) -> Unkept:
        return said

    assert Promise(broken).unkept({"token": "x"}, completed=True) is said
