"""The proof: what clients, database, ledger and sandbox say is compared, each with the others."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from devstack.play import money, news
from devstack.play.evidence import Check, Evidence, Order, Run

#: How an order's ending run stands when the order has ended so.
COMPLETIONS = {"COMPLETED": "COMPLETED", "COMPLETED_UNPAID": "PARKED"}
ENDED = ("COMPLETED", "COMPENSATED")
#: Whose runs a person ends when the card has refused what was due, and how the order stands then.
PARKED = (("complete_order", "COMPLETED_UNPAID"), ("cancel_order", "CANCELLED"))


def checks(evidence: Evidence) -> list[Check]:
    """Every sentence of the proof, judged."""
    return [
        _one_order_each(evidence),
        _all_decided(evidence),
        _one_runner_each(evidence),
        _runs_ended(evidence),
        money.completed_are_shared_out(evidence),
        money.cancelled_pay_what_is_due(evidence),
        money.nothing_is_held(evidence),
        money.payees_have_theirs(evidence),
        money.balances_agree(evidence),
        _calls_resolved(evidence),
        news.each_is_published(evidence),
        news.none_overtakes(evidence),
        news.each_is_handled_once(evidence),
        news.everybody_is_told(evidence),
        news.webhooks_are_followed(evidence),
        _books(evidence),
        _reconciled(evidence),
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
    ends = (*COMPLETIONS, "CANCELLED")
    counts = Counter(order.status for order in evidence.orders)
    wrong = [
        f"order {order.id} is {order.status}"
        for order in evidence.orders
        if order.status not in ends
    ]
    figure = " + ".join(str(counts[end]) for end in ends)
    return Check("every order is completed, unpaid or cancelled", figure, wrong)


def _one_runner_each(evidence: Evidence) -> Check:
    """As the runners tell it and as the outbox tells it: an order is won once, and once more each
    time that its runner has backed out. Whoever did not win was told 409, or nothing."""
    won = Counter(tap.order_id for tap in evidence.taps if tap.status == 200)
    back = Counter(evidence.backed_out)
    wrong = [
        f"order {tap.order_id}: {tap.runner} was told {tap.status}"
        for tap in evidence.taps
        if tap.status not in (200, 409)
    ]
    wrong += evidence.troubles
    for order in evidence.orders:
        if won[order.id] != order.accepted or won[order.id] > back[order.id] + 1:
            wrong.append(
                f"order {order.id}: won {won[order.id]} times, given back {back[order.id]} times, "
                f"accepted {order.accepted} times"
            )
    figure = f"{won.total()} of {len(evidence.taps)} taps"
    return Check("each race for an order had one winner", figure, wrong)


def _runs_ended(evidence: Evidence) -> Check:
    """Every order is ended by one run; what waits besides is a held payout or a person's."""
    runs: dict[tuple[str, str], list[Run]] = {}
    for run in evidence.runs:
        runs.setdefault((run.order_id, run.saga), []).append(run)
    known = {order.id: order for order in evidence.orders}
    wrong = [
        f"{run.saga} {run.id} is {run.status} (manage.py saga show {run.id})"
        for run in evidence.runs
        if not _at_rest(run, known.get(run.order_id), evidence.unpaid)
    ]
    live = len(wrong)
    for order in evidence.orders:
        of = {saga: runs.get((order.id, saga), []) for saga in _ENDINGS}
        if len(of["create_order"]) != 1:
            wrong.append(f"order {order.id} has {len(of['create_order'])} runs that create it")
        elif (ends := _ends(of)) != [order.status]:
            told = " and ".join(ends) or "nothing"
            wrong.append(f"order {order.id} is {order.status}, its runs say {told}")
    wrong += [
        f"run {run.id} is about no order" for run in evidence.runs if run.order_id not in known
    ]
    held = sum(run.held for run in evidence.runs)
    return Check("every order was ended by one run", f"{live} live, {held} held", wrong)


_ENDINGS = ("create_order", "complete_order", "cancel_order")


def _at_rest(run: Run, order: Order | None, unpaid: Collection[str]) -> bool:
    """Over, or held, or left to a person because the card refused what was due."""
    if run.status in ENDED or run.held:
        return True
    if order is None or order.id not in unpaid or run.status != "PARKED":
        return False
    return (run.saga, order.status) in PARKED


def _ends(of: dict[str, list[Run]]) -> list[str]:
    """What each run has made of the order that ended it."""
    completions = {status: end for end, status in COMPLETIONS.items()}
    return [
        *("CANCELLED" for run in of["create_order"] if run.status == "COMPENSATED"),
        *("CANCELLED" for run in of["cancel_order"] if run.status in ("COMPLETED", "PARKED")),
        *(completions[run.status] for run in of["complete_order"] if run.status in completions),
    ]


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
        f"order {each.order_id} has given up on its payment, {each.held + each.captured} taken"
        for each in evidence.stripe
        if each.order_id in watched and each.held + each.captured
    ]
    figure = f"{len(watched)} watched"
    return Check("calls without an answer are watched and hold nothing", figure, wrong)


def _books(evidence: Evidence) -> Check:
    lines = evidence.books.strip().splitlines()
    figure = lines[-1] if lines else "no answer"
    wrong = [] if figure == "0 violations" else [*_first_words(lines)]
    return Check("manage.py verify_books", figure, wrong)


def _reconciled(evidence: Evidence) -> Check:
    """Every balance transaction of Stripe's stands in the books, and they add up to its balance."""
    said = dict(re.findall(r"^([a-z]+(?: [a-z]+)?)  +(.+)$", evidence.reconciled, re.MULTILINE))
    wrong = [
        f"{name}: {said.get(name, 'not said')}"
        for name in ("under way", "open breaks", "unexplained")
        if said.get(name) != "0"
    ]
    figure = f"{said.get('matched', 0)} matched, {said.get('unexplained', '?')} unexplained"
    return Check("manage.py reconcile", figure, wrong)


def _first_words(lines: Sequence[str]) -> Iterator[str]:
    """The lines that name a broken invariant, or all that was said."""
    named = [line for line in lines if line and not line.startswith(" ")]
    yield from named or ["it said nothing"]
