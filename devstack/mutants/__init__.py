"""Guards that something must need: each with the change that takes it away, and the test that then
fails. `guards.toml` says which; `python -m devstack.mutants` tries them; `docs/guards.md` tells."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

GUARDS = Path(__file__).with_name("guards.toml")
_HEAD = """\
# Guards, and what goes wrong without them

Each of these few lines looks as if it could go. `make mutants` takes them away one at a time, in a
copy of the checkout, and runs the test beside it, which then has to fail; `make test` sees to it
that the lines and the tests are still there. This page is made from the same data:
`python -m devstack.mutants --page > docs/guards.md`.

| guard | where | without it | the test that fails |
|---|---|---|---|
"""


class GuardMoved(Exception):
    """The text that a mutant would change is not there exactly once: bring guards.toml up to date
    with the code, or the code has lost a guard."""


@dataclass(frozen=True)
class Edit:
    """A change to one file: `old` stands there exactly once."""

    file: str
    old: str
    new: str

    def applied(self, root: Path) -> str:
        """The file's text with the change. Raises GuardMoved."""
        text = (root / self.file).read_text()
        if text.count(self.old) != 1 or self.old == self.new:
            found = f"{text.count(self.old)} times in {self.file}"
            raise GuardMoved(f"{self.old!r} stands {found}; it has to be there once.")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Guard:
    """A guard: what it is, what goes wrong without it, how it is taken away, which test falls."""

    name: str
    what: str
    without: str
    test: str
    edits: tuple[Edit, ...]

    @contextmanager
    def removed(self, root: Path) -> Iterator[None]:
        """The files under `root` without this guard, for as long as the block runs."""
        changed = {edit.file: edit.applied(root) for edit in self.edits}
        if len(changed) < len(self.edits):
            raise GuardMoved(f"{self.name} changes a file twice: make one edit of it.")
        before = {file: (root / file).read_text() for file in changed}
        try:
            for file, text in changed.items():
                (root / file).write_text(text)
            yield
        finally:
            for file, text in before.items():
                (root / file).write_text(text)


def guards() -> list[Guard]:
    """Every guard, in the order of the page."""
    data = tomllib.loads(GUARDS.read_text())["guard"]
    return [Guard(**one | {"edits": tuple(Edit(**edit) for edit in one["edits"])}) for one in data]


def page() -> str:
    """`docs/guards.md`."""
    return _HEAD + "".join(
        f"| **{one.name}**: {one.what} | {', '.join(f'`{edit.file}`' for edit in one.edits)}"
        f" | {one.without} | `{one.test}` |\n"
        for one in guards()
    )
