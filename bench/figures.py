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
    """So many a second, measured a few times over; each time beside the rival's, if there is
    one."""

    name: str
    target: float | None = None
    counts: list[int] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)

    def add(self, count: int, cost: Cost, *, beside: float | None = None) -> None:
        """One more repetition; `beside` is the rival's rate just before."""
        self.counts.append(count)
        self.costs.append(cost)
        if beside is not None:
            self.beside.append(beside)

    @property
    def rates(self) -> list[float]:
        """Each repetition's, per second."""
        return [n / cost.seconds for n, cost in zip(self.counts, self.costs, strict=True)]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.rates)

    @property
    def ratio(self) -> float | None:
        """How many times the rival's rate."""
        pairs = zip(self.rates, self.beside, strict=False)
        return statistics.median(ours / theirs for ours, theirs in pairs) if self.beside else None

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
    """How long each of many took. `target` is for the median, all targets in milliseconds."""

    name: str
    target: float | None = None
    target_p95: float | None = None
    target_p99: float | None = None
    seconds: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    others: float = 0.0

    def percentile(self, percent: int) -> float:
        """The milliseconds that `percent` of 100 do not exceed."""
        return _percentile(self.seconds, percent)

    @property
    def ratio(self) -> float | None:
        """How many times the rival's median."""
        return self.percentile(50) / _percentile(self.beside, 50) if self.beside else None


@dataclass
class Report:
    """One benchmark's figures. `rival` is the name of those that the ratios are taken to."""

    title: str
    rival: str = ""
    speeds: list[Speed] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)

    def speed(self, name: str) -> Speed:
        """The row of that name, new if need be."""
        if all(one.name != name for one in self.speeds):
            self.speeds.append(Speed(name))
        return next(one for one in self.speeds if one.name == name)

    def latency(self, name: str) -> Latency:
        """The same, one at a time."""
        if all(one.name != name for one in self.latencies):
            self.latencies.append(Latency(name))
        return next(one for one in self.latencies if one.name == name)

    def show(self, console: Console) -> None:
        """Print the tables; piped, as Markdown."""
        for table in (self._speeds(), self._latencies()):
            if table.row_count:
                table.box = box.SIMPLE_HEAD if console.is_terminal else box.MARKDOWN
                console.print(table)

    def raw(self) -> dict[str, Any]:
        """Everything that was measured, as plain values."""
        return asdict(self)

    def _speeds(self) -> Table:
        table = _table(f"{self.title}: how many a second", self.rival)
        for name in ("median", "min – max", "target", "commits each", "CPU ms each", "others' CPU"):
            table.add_column(name, justify="right")
        for one in self.speeds:
            table.add_row(
                *_head(one.name, one.ratio, self.rival),
                f"{one.median:.0f}",
                f"{min(one.rates):.0f} – {max(one.rates):.0f}",
                _target(one.target, "≥", met=one.median >= (one.target or 0)),
                f"{one.each('commits'):.1f}",
                f"{1000 * one.each('cpu_seconds'):.1f}",
                f"{one.others:.0f} %",
            )
        return table

    def _latencies(self) -> Table:
        table = _table(f"{self.title}: milliseconds", self.rival)
        for name in ("p50", "target", "p95", "target p95", "p99", "target p99", "others' CPU"):
            table.add_column(name, justify="right")
        for one in self.latencies:
            p50, p95, p99 = (one.percentile(percent) for percent in (50, 95, 99))
            table.add_row(
                *_head(one.name, one.ratio, self.rival),
                f"{p50:.1f}",
                _target(one.target, "≤", met=p50 <= (one.target or 0)),
                f"{p95:.1f}",
                _target(one.target_p95, "≤", met=p95 <= (one.target_p95 or 0)),
                f"{p99:.1f}",
                _target(one.target_p99, "≤", met=p99 <= (one.target_p99 or 0)),
                f"{one.others:.0f} %",
            )
        return table


def _percentile(seconds: list[float], percent: int) -> float:
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


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


def _target(target: float | None, sign: str, *, met: bool) -> str:
    return "" if target is None else f"{sign} {target:g} {'met' if met else 'missed'}"
