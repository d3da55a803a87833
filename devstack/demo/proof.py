"""The proof: what clients, database, ledger and sandbox say is compared, each with the others."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from devstack.demo.clients import Placement
from devstack.demo.sandbox import Standing

SHOWN = 3  # differences named; the rest is counted


@dataclass(frozen=True)
class Order:
    """An order as its row says."""

    id: str
    status: str
    total: int
    currency: str


@dataclass(frozen=True)
class Run:
    """A run as its row says; its key is the order's id."""

    id: str
    key: str
    status: str


@dataclass(frozen=True)
class Open:
    """A call to Stripe whose outcome nobody knows; watched when no order waits for it."""

    key: str
    order_id: str
    watched: bool


@dataclass(frozen=True)
class Evidence:
    """What each witness says once the campus is quiet."""

    asked: int  # how many orders were to be placed
    placements: Sequence[Placement]
    orders: Sequence[Order]
    runs: Sequence[Run]
    standing: Sequence[Standing]
    open: Sequence[Open]
    books: str  # what `manage.py verify_books` printed


@dataclass(frozen=True)
class Check:
    """One sentence that must hold, a figure, and each thing that says otherwise."""

    sentence: str
    figure: str
    wrong: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.wrong

    def __str__(self) -> str:
        shown = "; ".join(self.wrong[:SHOWN])
        rest = len(self.wrong) - SHOWN
        return f"{self.sentence}: {shown}" + (f" and {rest} more" if rest > 0 else "")


def checks(evidence: Evidence) -> list[Check]:
    """Every sentence of the proof, judged."""
    return [
        _one_order_each(evidence),
        _all_decided(evidence),
        _runs_ended(evidence),
        _created_are_held(evidence),
        _others_hold_nothing(evidence),
        _calls_resolved(evidence),
        _books(evidence),
    ]


def _one_order_each(evidence: Evidence) -> Check:
    """A key that was posted again is the same order, and no order came from anywhere else."""
    made = {order.id for order in evidence.orders}
    wrong = [placed.refusal for placed in evidence.placements if placed.refusal]
    if len(evidence.placements) != evidence.asked:
        wrong.append(f"{len(evidence.placements)} of {evidence.asked} orders were tried")
    promised: set[str] = set()
    for placed in evidence.placements:
        ids = set(placed.order_ids)
        if len(ids) > 1:
            wrong.append(f"key {placed.meal.key} gave orders {', '.join(sorted(ids))}")
        wrong += [f"order {each} was given to two requests" for each in ids & promised]
        promised |= ids
    wrong += [f"order {each} was promised and is not there" for each in promised - made]
    wrong += [f"nobody asked for order {each}" for each in made - promised]
    figure = f"{len(evidence.orders)} of {evidence.asked}"
    return Check("every request became one order", figure, wrong)


def _all_decided(evidence: Evidence) -> Check:
    counts = Counter(order.status for order in evidence.orders)
    wrong = [
        f"order {order.id} is {order.status}"
        for order in evidence.orders
        if order.status not in ("CREATED", "CANCELLED")
    ]
    figure = f"{counts['CREATED']} + {counts['CANCELLED']}"
    return Check("every order is CREATED or CANCELLED", figure, wrong)


def _runs_ended(evidence: Evidence) -> Check:
    """One run an order, ended as the order says."""
    ends = {"CREATED": "COMPLETED", "CANCELLED": "COMPENSATED"}
    runs: dict[str, list[Run]] = {}
    for run in evidence.runs:
        runs.setdefault(run.key, []).append(run)
    wrong = [
        f"run {run.id} is {run.status} (manage.py saga show {run.id})"
        for run in evidence.runs
        if run.status not in ends.values()
    ]
    live = len(wrong)
    for order in evidence.orders:
        mine = runs.pop(order.id, [])
        if len(mine) != 1:
            wrong.append(f"order {order.id} has {len(mine)} runs")
        elif mine[0].status in ends.values() and mine[0].status != ends.get(order.status):
            wrong.append(f"order {order.id} is {order.status}, its run is {mine[0].status}")
    wrong += [f"a run is about order {key}, which is not there" for key in runs]
    return Check("every order's run has ended as the order says", f"{live} live runs", wrong)


def _created_are_held(evidence: Evidence) -> Check:
    """As the sandbox counts: one hold, and of exactly what the order costs."""
    standing: dict[str, list[Standing]] = {}
    for each in evidence.standing:
        standing.setdefault(each.order_id, []).append(each)
    wrong, held = [], 0
    for order in evidence.orders:
        if order.status == "CREATED":
            have = standing.get(order.id, [])
            want = [Standing(order.id, order.currency.lower(), 1, order.total)]
            held += sum(each.count for each in have)
            if have != want:
                wrong.append(f"order {order.id} costs {order.total}, {_said(have)}")
    return Check("Stripe holds the total of each CREATED order, once", f"{held} holds", wrong)


def _others_hold_nothing(evidence: Evidence) -> Check:
    created = {order.id for order in evidence.orders if order.status == "CREATED"}
    strays = [each for each in evidence.standing if each.order_id not in created]
    wrong = [f"order {each.order_id}: {_said([each])}" for each in strays]
    figure = f"{sum(each.count for each in strays)} holds"
    return Check("Stripe holds nothing for any other order", figure, wrong)


def _calls_resolved(evidence: Evidence) -> Check:
    """An order that gave up on Stripe is watched by the janitor, for as long as it takes."""
    watched = {each.order_id for each in evidence.open if each.watched}
    wrong = [f"{each.key} is unresolved" for each in evidence.open if not each.watched]
    wrong += [
        f"order {order.id} is {order.status} though its payment is unknown"
        for order in evidence.orders
        if order.id in watched and order.status != "CANCELLED"
    ]
    wrong += [
        f"order {each.order_id} has given up on its payment, {_said([each])}"
        for each in evidence.standing
        if each.order_id in watched
    ]
    figure = f"{len(watched)} watched"
    return Check("calls without an answer are watched and hold nothing", figure, wrong)


def _books(evidence: Evidence) -> Check:
    lines = evidence.books.strip().splitlines()
    figure = lines[-1] if lines else "no answer"
    wrong = [] if figure == "0 violations" else [*_first_words(lines)]
    return Check("manage.py verify_books", figure, wrong)


def _first_words(lines: Sequence[str]) -> Iterator[str]:
    """The lines that name a broken invariant, or all that was said."""
    named = [line for line in lines if line and not line.startswith(" ")]
    yield from named or ["it said nothing"]


def _said(standing: Sequence[Standing]) -> str:
    """What the sandbox holds, in words."""
    if not standing:
        return "nothing is held"
    return ", ".join(f"{e.count} holds of {e.amount} {e.currency} in all" for e in standing)
