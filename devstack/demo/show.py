"""What the person at the terminal sees: a live table there, plain lines in a pipe."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields

from rich.console import Console
from rich.live import Live
from rich.table import Table

EVERY = {True: 0.25, False: 2.0}  # seconds between two looks: live, in a pipe


@dataclass(frozen=True)
class Progress:
    """One look at the lunch hour; the fields are the columns."""

    time: str
    placed: int
    created: int
    on_the_way: int
    completed: int
    cancelled: int
    in_flight: int
    recovered: int
    events: int
    events_behind: int
    told: int
    sandbox_requests: int
    faults_fired: int


class Board:
    """Says lines, and keeps the newest progress below them where the terminal can."""

    def __init__(self, began: float) -> None:
        """`began`: when the demo started, by the monotonic clock."""
        # An output that can't show a sign shows a question mark; the demo goes on.
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
        # Not even when FORCE_COLOR asks for it does a pipe get escape codes.
        self.console = Console(force_terminal=None if sys.stdout.isatty() else False)
        self._began = began
        self._next = 0.0
        self._live: Live | None = None
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def __enter__(self) -> "Board":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *reason: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, line: str) -> None:
        """One line that stays, with the seconds since the start."""
        self.note(f"{self.elapsed:5.1f} s  {line}")

    def show(self, look: Callable[[], Progress]) -> None:
        """Look and show, unless that was done a moment ago."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY[self._live is not None]
        progress = look()
        if self._live is not None:
            self._live.update(_table(progress, self.elapsed), refresh=True)
        else:
            self.say(", ".join(f"{name} {value}" for name, value in _cells(progress)))

    def note(self, text: str) -> None:
        """Text as it is."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def end(self, verdict: str) -> None:
        """The last line."""
        self.note(f"demo: {verdict}")

    def print(self, *tables: Table) -> None:
        """Tables for reading at leisure."""
        for table in tables:
            self.console.print(table)


def _cells(progress: Progress) -> list[tuple[str, str]]:
    return [
        (field.name.replace("_", " "), str(getattr(progress, field.name)))
        for field in fields(progress)
    ]


def _table(progress: Progress, elapsed: float) -> Table:
    table = Table(title="Lunch on campus", title_justify="left")
    cells = [*_cells(progress), ("elapsed", f"{elapsed:.0f} s")]
    for name, _ in cells:
        table.add_column(name, justify="right")
    table.add_row(*(value for _, value in cells))
    return table
