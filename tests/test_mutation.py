"""What `make mutation` changes and what it leaves alone; and that a mutant is really planted."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from devstack import mutation
from devstack.mutation import SCOPES, Mutant, finding, planting, telling
from devstack.mutation.finding import mutants_of
from devstack.mutation.planting import live_functions, plant
from devstack.mutation.telling import last_line, page, reason

DOCS = Path(__file__).resolve().parent.parent / "docs"
CODE = '''\
"""A module."""
from contextlib import contextmanager
from functools import cache

LIMIT = 2
TWICE = LIMIT * 2

@contextmanager
def held(at: int = 3):
    """Not this."""
    if at > LIMIT:
        raise ValueError("too high", 4)
    yield at + 1

@cache
def known():
    return TWICE

class Row:
    size = 5

    def __str__(self):
        return "row" + "s"

    def add(self, log):
        log.info("adding", 6)
        log.info(6)
        say("two words", strict=True)
        return "word"
'''


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module of a checkout that is nothing but it."""
    (tmp_path / "sample_of_mutation.py").write_text(CODE)
    for one in (mutation, planting):
        monkeypatch.setattr(one, "CHECKOUT", tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("sample_of_mutation")
    del sys.modules["sample_of_mutation"]


def mutants(module: ModuleType) -> dict[str, Mutant]:
    """By what they put in the place of what."""
    root = Path(str(module.__file__)).parent
    written = [one.written() for one in mutants_of("sample_of_mutation.py", root)]
    return {one.added[0]: one for one in written}


def test_what_a_test_could_tell_is_changed_and_nothing_else(sample: ModuleType) -> None:
    changed = {(one.line, one.within, text) for text, one in mutants(sample).items()}
    assert changed == {
        (5, 0, "LIMIT = 3"),
        (5, 0, "LIMIT = None"),
        (6, 0, "TWICE = LIMIT / 2"),
        (6, 0, "TWICE = LIMIT * 3"),
        (6, 0, "TWICE = None"),
        (11, 9, "if at >= LIMIT:"),
        (13, 9, "yield at - 1"),
        (13, 9, "yield at + 2"),
        (29, 25, 'return "XXwordXX"'),
        (29, 25, 'return "WORD"'),
    }


def test_a_mutant_is_planted_under_decorators_and_in_whoever_holds_the_function(
    sample: ModuleType,
) -> None:
    elsewhere = sample.held
    plant(mutants(sample)["yield at + 2"], live_functions())
    with elsewhere(1) as one:
        assert one == 3


def test_a_constant_is_changed_with_what_is_built_on_it_and_what_was_kept_is_forgotten(
    sample: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    borrower = ModuleType("borrower")
    borrower.TWICE = sample.TWICE  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "borrower", borrower)
    assert sample.known() == 4
    plant(mutants(sample)["LIMIT = 3"], live_functions())
    assert (sample.LIMIT, sample.TWICE, borrower.TWICE) == (3, 6, 6)
    assert mutants(sample)["LIMIT = 3"].uses == [5, 6, 11, 17]


@pytest.mark.parametrize("scope", SCOPES)
def test_every_file_of_a_scope_is_there(scope: str) -> None:
    assert SCOPES[scope].paths


def test_a_mutant_that_may_live_is_one_that_is_made() -> None:
    for one in telling._kept():
        lines = (mutation.CHECKOUT / one["file"]).read_text().splitlines()
        first = one["old"].splitlines()[0]
        at = [number for number, line in enumerate(lines, 1) if line.strip() == first]
        # An argument that is left out belongs to the call above it.
        there = [
            change.written()
            for change in mutants_of(one["file"])
            if any(0 <= number - change.line < 15 for number in at)
        ]
        made = {("\n".join(mutant.removed), "\n".join(mutant.added)) for mutant in there}
        assert (one["old"], one["new"]) in made
        assert one["why"]


def test_the_reason_of_a_survivor_is_of_that_mutant_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"file": "it.py", "old": "a", "new": "b", "why": "it is the same"}
    monkeypatch.setattr(telling, "_kept", lambda: [kept])
    one = Mutant("it.py", 1, 0, "", "", ("a",), ("b",))
    assert reason(one) == "it is the same"
    assert reason(Mutant("it.py", 1, 0, "", "", ("a",), ("c",))) == ""
    assert reason(Mutant("at.py", 1, 0, "", "", ("a",), ("b",))) == ""


def test_the_last_line_counts_and_the_page_is_of_the_list() -> None:
    assert last_line(9, 10) == "mutation: 9 of 10 killed (90 %)"
    assert last_line(0, 0) == "mutation: 0 of 0 killed (0 %)"
    assert (DOCS / "mutation.md").read_text() == page()
    assert finding.LEFT_ALONE
