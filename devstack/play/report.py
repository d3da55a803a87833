"""The tables at the end: what became of the orders, how fast, what went wrong, and the proof."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table

from devstack.play.clients import STAGES, CalledOff, Placement
from devstack.play.evidence import Check, Told


def outcomes(rows: Iterable[tuple[str, str, int]]) -> Table:
    """Orders by how they ended and why."""
    table = _table("Outcomes", "status", "because", "orders")
    for status, cause, count in rows:
        table.add_row(status, cause, str(count))
    return table


def latencies(placements: Sequence[Placement], created_at: Mapping[str, float]) -> Table:
    """How long customers waited, in milliseconds, faults and killed workers included."""
    answered = [1000 * each.seconds for each in placements if each.order_ids]
    created = [
        1000 * (created_at[each.order_ids[0]] - each.sent)
        for each in placements
        if each.order_ids and each.order_ids[0] in created_at
    ]
    table = _table("Latency", "", "p50", "p95")
    for name, values in (("POST answered", answered), ("POST to CREATED", created)):
        table.add_row(name, *(f"{quantile(values, part):.0f} ms" for part in (0.5, 0.95)))
    return table


def troubles(
    done: Mapping[str, int],
    recovered: int,
    placements: Sequence[Placement],
    totals: Mapping[str, Any],
) -> Table:
    """What was `done` to the campus, how often, and what it did about it."""
    again = sum(len(each.order_ids) > 1 for each in placements)
    table = _table("Trouble", "", "times")
    for what, times in done.items():
        table.add_row(what, str(times))
    table.add_row("runs recovered by the sweep", str(recovered))
    table.add_row("orders posted again under their key", str(again))
    for kind, count in sorted(totals["faults"].items()):
        table.add_row(f"sandbox: {kind}", str(count))
    return table


def deliveries(tally: Mapping[str, int], called_off: Sequence[CalledOff]) -> Table:
    """What runners did, and what customers who changed their minds were told."""
    table = _table("Deliveries", "", "times")
    table.add_row("orders taken", str(tally["won"]))
    table.add_row("taken a moment before by somebody else", str(tally["lost"]))
    table.add_row("given back by their runner", str(tally["backed_out"]))
    table.add_row("handed over with the PIN", str(tally["delivered"]))
    table.add_section()
    wishes = Counter((wish.stage, wish.said) for wish in called_off)
    for (stage, said), count in sorted(wishes.items(), key=lambda wish: STAGES.index(wish[0][0])):
        table.add_row(f"called off from {stage} on: {said}", str(count))
    return table


def operations(rows: Iterable[tuple[str, str, bool, int, int]], totals: Mapping[str, Any]) -> Table:
    """The calls that were intended, and all requests that the sandbox saw."""
    table = _table("Stripe", "operation", "state", "operations", "calls")
    for kind, state, watched, count, calls in rows:
        table.add_row(kind, f"{state}, watched" if watched else state, str(count), str(calls))
    table.add_section()
    table.add_row("requests at the sandbox", "", "", str(sum(totals["requests"].values())))
    table.add_row("answered from their key", "", "", str(totals["replays"]))
    return table


def events(rows: Iterable[tuple[str, int, int, int]], told: Iterable[Told]) -> Table:
    """Events by type, and how people were told."""
    table = _table("Events", "", "recorded", "handled", "told")
    sums = Counter[int]()
    for name, *counts in rows:
        table.add_row(name, *map(str, counts))
        sums.update(dict(enumerate(counts)))
    table.add_row("all", *(str(sums[column]) for column in range(3)))
    table.add_section()
    for each in told:
        table.add_row(f"{each.channel.replace('_', ' ')}, {each.state}", "", "", str(each.count))
    return table


def parked(rows: Iterable[tuple[str, str, str, int]]) -> Table:
    """The runs that wait for a person, by saga, reason and remedy."""
    table = _table("Parked", "saga", "because", "remedy", "runs")
    for saga, reason, remedy, count in rows:
        table.add_row(saga, reason, remedy, str(count))
    return table


def webhooks(rows: Iterable[tuple[str, int, int, int, int]]) -> Table:
    """Stripe's events by type, and what came of following them."""
    table = _table("Webhooks", "", "received", "news", "known already", "dead")
    sums = Counter[int]()
    for name, *counts in rows:
        table.add_row(name, *map(str, counts))
        sums.update(dict(enumerate(counts)))
    table.add_row("all", *(str(sums[column]) for column in range(4)))
    return table


def proof(found: Iterable[Check]) -> Table:
    """Every sentence, whether it holds, and its figure."""
    table = _table("Proof", "", "sentence", "figure")
    for check in found:
        mark = "[green]✓[/]" if check.holds else "[red]✗[/]"
        table.add_row(mark, check.sentence, check.figure)
    return table


def quantile(values: Iterable[float], part: float) -> float:
    """The smallest value that `part` of all do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(part * 100) * len(ordered) // 100) - 1)] if ordered else 0.0


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for name in columns:
        numeric = name in (
            "orders",
            "runs",
            "p50",
            "p95",
            "times",
            "operations",
            "calls",
            "figure",
            "recorded",
            "handled",
            "told",
            "received",
            "news",
            "known already",
            "dead",
        )
        table.add_column(name, justify="right" if numeric else "left")
    return table
