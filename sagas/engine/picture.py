"""A saga drawn from its own value: numbered lines for people, a Mermaid flowchart for pages."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sagas.engine.definition import Saga, Step


@dataclass(frozen=True)
class Line:
    """One numbered line: a step, or the event that the step before it records."""

    number: int
    position: int
    text: str
    is_event: bool = False
    undo: str = ""
    marks: str = ""


def lines(saga: Saga) -> list[Line]:
    """The saga's steps and events in the order in which they happen, numbered from 1."""
    return [
        Line(number, position, text, is_event, *(("", "") if is_event else (undo(row), marks(row))))
        for number, (position, row, text, is_event) in enumerate(_happenings(saga), 1)
    ]


def table(saga: Saga) -> str:
    """The saga's name over its lines, each with its compensation and what is special about it."""
    rows = aligned(
        (
            f"{line.number:>4}",
            f"event {line.text}" if line.is_event else line.text,
            f"<-  {line.undo}" if line.undo else "",
            line.marks,
        )
        for line in lines(saga)
    )
    return "\n".join([saga.name, *rows])


def mermaid(saga: Saga) -> str:
    """A flowchart: forward from top to bottom, compensations beside their steps, dotted upwards.

    https://mermaid.js.org/syntax/flowchart.html
    """
    drawn = lines(saga)
    undone = [line for line in drawn if line.undo]
    forward = [f"s{line.number}" for line in drawn]
    back = [f"u{line.number}" for line in reversed(undone)]
    return "\n".join(
        [
            "flowchart TD",
            *(f"    s{line.number}{_shape(line)}" for line in drawn),
            *(f'    u{line.number}["{line.undo}"]' for line in undone),
            *(f"    {a} --> {b}" for a, b in pairwise([*forward, "done((COMPLETED))"])),
            *(f"    s{line.number} -. undo .-> u{line.number}" for line in undone),
            *(f"    {a} -.-> {b}" for a, b in pairwise([*back, "undone((COMPENSATED))"])),
        ]
    )


def undo(row: Step) -> str:
    """The name of what takes a step back, or nothing."""
    return row.compensate.name if row.compensate else ""


def marks(row: Step) -> str:
    """What is special about a step, in words."""
    special = {
        "calls out": row.do.remote,
        "optional": row.optional,
        "pivot": row.pivot,
        "undone even after a failed undo": row.undo_after_failure,
    }
    return ", ".join(mark for mark, holds in special.items() if holds)


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows of cells as lines of text, each column as wide as its widest cell."""
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _happenings(saga: Saga) -> Iterator[tuple[int, Step, str, bool]]:
    for position, row in enumerate(saga.steps, 1):
        yield position, row, row.do.name, False
        if row.emits:
            yield position, row, row.emits, True


def _shape(line: Line) -> str:
    """Events are rounded; what calls out has a double side, the pivot is a hexagon."""
    if line.is_event:
        return f'(["{line.text}"])'
    label = f"{line.number} {line.text}"
    if "pivot" in line.marks:
        return "{{" + f'"{label}"' + "}}"
    if "calls out" in line.marks:
        return f'[["{label}"]]'
    return f'["{label}"]'
