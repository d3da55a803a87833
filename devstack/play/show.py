"""What the person at the terminal sees: a live table there, plain lines in a pipe."""

import sys
import time
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.live import Live
from rich.table import Table

#: One look at the campus: what the columns are called, and what stands in them.
Progress = Mapping[str, str | int]


class Board:
    """Says lines, and keeps the newest progress below them where the terminal can."""

    def __init__(self, name: str, began: float, *, live: float = 0.25, pipe: float = 2.0) -> None:
        """`began`: when the play `name` started, by the monotonic clock; `live`, `pipe`: seconds
        between two looks, at a terminal and in a pipe."""
        # An output that can't show a sign shows a question mark; the play goes on.
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
        # Not even when FORCE_COLOR asks for it does a pipe get escape codes.
        self.console = Console(force_terminal=None if sys.stdout.isatty() else False)
        self._name, self._began, self._next = name, began, 0.0
        self._live: Live | None = None
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
        self._every = live if self._live is not None else pipe

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
        self._next = time.monotonic() + self._every
        progress = look()
        if self._live is not None:
            self._live.update(_table(progress, self.elapsed), refresh=True)
        else:
            self.say(", ".join(f"{name} {value}" for name, value in progress.items()))

    def note(self, text: str) -> None:
        """Text as it is."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def end(self, verdict: str) -> None:
        """The last line."""
        self.note(f"{self._name}: {verdict}")

    def print(self, *tables: Table) -> None:
        """Tables for reading at leisure."""
        for table in tables:
            self.console.print(table)


def _table(progress: Progress, elapsed: float) -> Table:
    table = Table(title="Lunch on campus", title_justify="left")
    cells = {**progress, "elapsed": f"{elapsed:.0f} s"}
    for name in cells:
        table.add_column(name, justify="right")
    table.add_row(*map(str, cells.values()))
    return table
