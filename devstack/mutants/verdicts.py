"""Whether a test noticed that its guard was gone, and the table that says so."""

from collections.abc import Sequence
from dataclasses import dataclass

from devstack.mutants import Guard
from sagas.engine.picture import aligned

NEEDED, SURVIVED, BROKEN = "needed", "SURVIVED", "BROKEN"


@dataclass(frozen=True)
class Verdict:
    """What became of a guard's test without the guard, within so many seconds."""

    guard: Guard
    word: str
    seconds: float

    @property
    def needed(self) -> bool:
        """Whether the test itself failed."""
        return self.word == NEEDED


def verdict(guard: Guard, code: int, said: str, seconds: float) -> Verdict:
    """From pytest's exit code and its summary (`-rfE`). A test that could not even begin, because
    the mutant is no code that runs, proves nothing: that is BROKEN."""
    if code == 0:
        return Verdict(guard, SURVIVED, seconds)
    failed = any(line.startswith(f"FAILED {guard.test}") for line in said.splitlines())
    return Verdict(guard, NEEDED if failed else BROKEN, seconds)


def printed(verdicts: Sequence[Verdict]) -> str:
    """A line a guard."""
    rows = [
        (one.guard.name, one.word, f"{one.seconds:.0f} s", one.guard.test.partition("::")[2])
        for one in verdicts
    ]
    return "\n".join(aligned([("without", "guard", "took", "the test that fails"), *rows]))


def last_line(verdicts: Sequence[Verdict]) -> str:
    """`mutants: 9 of 9 guards needed`."""
    needed = sum(one.needed for one in verdicts)
    return f"mutants: {needed} of {len(verdicts)} guards needed"
