"""Mutation: change the code a little, many times over, and see whether a test notices each time.

`finding` makes the changes, `planting` puts one into the running process, `trying` runs the tests
that pass through it, `telling` says what came of it. `docs/mutation.md` is the page about it.
"""

import ast
import re
from dataclasses import dataclass

from devstack.stripe import CHECKOUT as CHECKOUT


@dataclass(frozen=True)
class Scope:
    """Files that are changed, by their folder, and the tests that should notice."""

    files: dict[str, str]
    tests: str

    @property
    def paths(self) -> list[str]:
        """The files, from the checkout's root. One that has moved is an error."""
        paths = [f"{at}/{one}.py" for at, names in self.files.items() for one in names.split()]
        if gone := [one for one in paths if not (CHECKOUT / one).exists()]:
            raise FileNotFoundError(f"{', '.join(gone)}: bring devstack/mutation up to date.")
        return paths


SCOPES = {
    "money": Scope(
        {
            "payments": "operations learning services refunds payouts claims janitor mirroring",
            "escrow": "ledger holding paying settling refunding balances setting_off claims",
            "orders": "by_hand cancelling claims delivery ending placing",
        },
        "tests/payments tests/escrow tests/orders",
    ),
    "engine": Scope(
        {
            "sagas/engine": "admission definition facts hands lease local participant progress"
            " publishing pulse remote starting store sweeping tasks telling timeline"
        },
        "tests/sagas/engine tests/sagas/test_commands.py tests/sagas/test_admin.py",
    ),
}


@dataclass(frozen=True)
class Mutant:
    """A changed file, before and after; the line of the change, and that of the function round
    it (0 for none); what it takes away and puts."""

    file: str
    line: int
    within: int
    original: str
    source: str
    removed: tuple[str, ...]
    added: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def diff(self) -> str:
        """Its lines, as a patch shows them."""
        lines = [*(f"- {one}" for one in self.removed), *(f"+ {one}" for one in self.added)]
        return "\n".join(lines)

    @property
    def uses(self) -> list[int]:
        """The lines that name the constant which it changes, or one that is built on it."""
        lines = [*enumerate(self.original.splitlines(), 1)]
        constants = [one for one in ast.parse(self.original).body
                     if isinstance(one, ast.Assign | ast.AnnAssign)]  # fmt: skip
        found: set[int] = set()
        at = {self.line}
        while at - found:
            found |= at
            names = {
                name.id for one in constants if found.intersection(_lines(one))
                for name in ast.walk(one)
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
            }  # fmt: skip
            word = re.compile(rf"\b({'|'.join(names)})\b")
            at = {number for number, text in lines if names and word.search(text)}
        return sorted(found)

    @property
    def name(self) -> str:
        """The same as long as the code round it is."""
        return f"{self}\n{self.diff}"


def _lines(one: ast.stmt) -> range:
    return range(one.lineno, (one.end_lineno or one.lineno) + 1)
