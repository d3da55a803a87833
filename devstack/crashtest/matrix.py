"""The matrix on paper: a line a step, a column a harm, and a command for every FAIL."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from devstack.crashtest.cells import Cell
from sagas.engine.picture import aligned

OK, FAIL, NOT_REACHED = "ok", "FAIL", "-"


@dataclass(frozen=True)
class Verdict:
    """How a cell ended, and why it did not end well."""

    cell: Cell
    word: str
    why: str = ""


def printed(verdicts: Sequence[Verdict], seed: int) -> str:
    """Every scene's table, then what was not reached, then every failure."""
    parts = [
        _table(scene, [one for one in verdicts if one.cell.scene == scene])
        for scene in dict.fromkeys(one.cell.scene for one in verdicts)
    ]
    unreached = Counter(one.why for one in verdicts if one.word == NOT_REACHED)
    parts += [f"not reached ({count}): {why}" for why, count in sorted(unreached.items())]
    parts += [
        f"FAIL {one.cell.name}\n  {one.why}\n  again: manage.py saga_crashtest "
        f"--cell '{one.cell.name}' --seed {seed}"
        for one in verdicts
        if one.word == FAIL
    ]
    return "\n\n".join(parts)


def last_line(verdicts: Sequence[Verdict]) -> str:
    """`crashtest: N cells, 0 FAIL`, and how many of them were never reached."""
    words = Counter(one.word for one in verdicts)
    harmed = len(verdicts) - words[NOT_REACHED]
    tail = f" ({words[NOT_REACHED]} more not reached)" if words[NOT_REACHED] else ""
    return f"crashtest: {harmed} cells, {words[FAIL]} FAIL{tail}"


def _table(scene: str, verdicts: Sequence[Verdict]) -> str:
    columns = list(dict.fromkeys(one.cell.column for one in verdicts))
    rows = list(dict.fromkeys(one.cell.row for one in verdicts))
    words = {(one.cell.row, one.cell.column): one.word for one in verdicts}
    lines = [(row[1], *(words.get((row, column), "") for column in columns)) for row in rows]
    return "\n".join(aligned([(scene, *columns), *lines]))
