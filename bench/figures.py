"""Figures: what was measured, how it is summed up, and the tables that people read."""

import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.meter import Cost


@dataclass
class Speed:
    """So many a second, measured a few times over."""

    name: str
    target: float | None = None
    counts: list[int] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)

    def add(self, count: int, cost: Cost) -> None:
        """One more repetition."""
        self.counts.append(count)
        self.costs.append(cost)

    @property
    def rates(self) -> list[float]:
        return [n / cost.seconds for n, cost in zip(self.counts, self.costs, strict=True)]

    @property
    def median(self) -> float:
        return statistics.median(self.rates)

    def each(self, what: str) -> float:
        """The median cost of one, such as `commits`."""
        pairs = zip(self.counts, self.costs, strict=True)
        return statistics.median(getattr(cost, what) / n for n, cost in pairs)

    @property
    def others(self) -> float:
        """The most that others took of the machine while we measured, in percent."""
        return max(cost.others for cost in self.costs)


@dataclass
class Latency:
    """How long one took, for each of many. `target` is for the median, in milliseconds."""

    name: str
    target: float | None = None
    target_p99: float | None = None
    milliseconds: list[float] = field(default_factory=list)
    others: float = 0.0

    def percentile(self, percent: int) -> float:
        """The value that `percent` of 100 do not exceed."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


@dataclass
class Report:
    """One benchmark's figures. `rival` is the name of those that the ratios are taken to."""

    title: str
    rival: str = ""
    speeds: list[Speed] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)

    def add(self, speed: Speed, latency: Latency) -> None:
        """The same thing in bulk and one at a time."""
        self.speeds.append(speed)
        self.latencies.append(latency)

    def show(self, console: Console) -> None:
        """Print the tables; piped, as Markdown."""
        for table in filter(None, (self._speeds(), self._latencies())):
            table.box = box.SIMPLE_HEAD if console.is_terminal else box.MARKDOWN
            console.print(table)

    def raw(self) -> dict[str, Any]:
        """Everything that was measured, as plain values."""
        return asdict(self)

    def _speeds(self) -> Table | None:
        if not self.speeds:
            return None
        table = _table(f"{self.title}: how many a second", self.rival)
        for name in ("median", "min – max", "target", "commits each", "CPU ms each", "others' CPU"):
            table.add_column(name, justify="right")
        base = next((one.median for one in self.speeds if one.name == self.rival), None)
        for one in self.speeds:
            table.add_row(
                *_head(one.name, one.median / base if base else None, self.rival),
                f"{one.median:.0f}",
                f"{min(one.rates):.0f} – {max(one.rates):.0f}",
                _target(one.target, one.median, "≥"),
                f"{one.each('commits'):.1f}",
                f"{1000 * one.each('cpu_seconds'):.1f}",
                f"{one.others:.0f} %",
            )
        return table

    def _latencies(self) -> Table | None:
        if not self.latencies:
            return None
        table = _table(f"{self.title}: milliseconds", self.rival)
        for name in ("p50", "target", "p95", "p99", "target p99", "others' CPU"):
            table.add_column(name, justify="right")
        base = next((one.percentile(50) for one in self.latencies if one.name == self.rival), None)
        for one in self.latencies:
            p50, p95, p99 = (one.percentile(percent) for percent in (50, 95, 99))
            table.add_row(
                *_head(one.name, p50 / base if base else None, self.rival),
                f"{p50:.1f}",
                _target(one.target, p50, "≤"),
                f"{p95:.1f}",
                f"{p99:.1f}",
                _target(one.target_p99, p99, "≤"),
                f"{one.others:.0f} %",
            )
        return table


def _table(title: str, rival: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    if rival:
        table.add_column(f"× {rival}", justify="right")
    return table


def _head(name: str, ratio: float | None, rival: str) -> Iterator[str]:
    yield name
    if rival:
        yield f"{ratio:.2f}" if ratio is not None else ""


def _target(target: float | None, measured: float, sign: str) -> str:
    if target is None:
        return ""
    met = measured >= target if sign == "≥" else measured <= target
    return f"{sign} {target:g} {'met' if met else 'missed'}"
