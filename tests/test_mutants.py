"""The mutants of `make mutants` fit the code as it stands, and would be noticed if they lived."""

import ast
from contextlib import suppress
from pathlib import Path

import pytest

from devstack.mutants import Edit, Guard, GuardMoved, guards, page
from devstack.mutants.verdicts import BROKEN, NEEDED, SURVIVED, last_line, verdict

ROOT = Path(__file__).resolve().parent.parent
TEST = "tests/test_it.py::test_it"


@pytest.mark.parametrize("guard", guards(), ids=lambda guard: guard.name)
def test_each_guard_stands_where_its_mutant_takes_it_away(guard: Guard) -> None:
    for edit in guard.edits:
        assert edit.applied(ROOT) != (ROOT / edit.file).read_text()
    file, _, name = guard.test.partition("::")
    assert name in {
        node.name
        for node in ast.walk(ast.parse((ROOT / file).read_text()))
        if isinstance(node, ast.FunctionDef)
    }


def test_the_page_tells_of_these_guards() -> None:
    assert (ROOT / "docs" / "guards.md").read_text() == page()


@pytest.mark.parametrize("text", ["", "lock lock", "look"])
def test_a_guard_that_has_moved_is_an_error_and_no_success(tmp_path: Path, text: str) -> None:
    (tmp_path / "it.py").write_text(text)
    guard = Guard("lock", "", "", TEST, (Edit("it.py", "lock", ""),))
    with pytest.raises(GuardMoved), guard.removed(tmp_path):
        pass


def test_a_guard_is_put_back_whatever_happens_without_it(tmp_path: Path) -> None:
    (tmp_path / "it.py").write_text("a lock")
    guard = Guard("lock", "", "", TEST, (Edit("it.py", "lock", "risk"),))
    with suppress(ZeroDivisionError), guard.removed(tmp_path):
        assert (tmp_path / "it.py").read_text() == "a risk"
        raise ZeroDivisionError
    assert (tmp_path / "it.py").read_text() == "a lock"


@pytest.mark.parametrize(
    ("code", "said", "word"),
    [
        (0, "1 passed", SURVIVED),
        (1, f"FAILED {TEST} - assert", NEEDED),
        (1, f"FAILED {TEST} - assert\nERROR {TEST} - the books", NEEDED),
        (1, f"ERROR {TEST} - no such table", BROKEN),
        (1, "FAILED tests/test_other.py::test_other", BROKEN),
        (2, "ERROR tests/test_it.py - SyntaxError", BROKEN),
        (4, "ERROR: not found", BROKEN),
    ],
)
def test_only_a_test_that_fails_shows_that_its_guard_is_needed(
    code: int, said: str, word: str
) -> None:
    found = verdict(Guard("lock", "", "", TEST, ()), code, said, 1.0)
    assert found.word == word
    assert last_line([found]) == f"mutants: {int(word == NEEDED)} of 1 guards needed"
