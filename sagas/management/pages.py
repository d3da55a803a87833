"""A run on paper: one line of a list, or a page with its timeline and what people did to it."""

import json

from campusg.money import formatted
from sagas.engine.picture import aligned
from sagas.engine.telling import tell
from sagas.engine.timeline import Act, step_at_hand, timeline
from sagas.models import Action, Run, RunStatus

WHY_SHOWN = 80


def line(run: Run) -> tuple[str, ...]:
    why = tell(run).why
    short = why if len(why) <= WHY_SHOWN else f"{why[: WHY_SHOWN - 1]}…"
    since = f"{run.changed_at:%Y-%m-%d %H:%M:%S}"
    return str(run.pk), run.saga, run.key, run.status, step_at_hand(run) or "-", since, short


def page(run: Run) -> str:
    told = tell(run)
    head = [
        ("run", str(run.pk)),
        ("saga", run.saga),
        ("key", run.key),
        ("status", f"{run.status} (paused)" if run.paused else run.status),
        ("started", f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("ended", f"{run.ended_at:%Y-%m-%d %H:%M:%S} UTC" if run.ended_at else "-"),
        ("why", told.why),
        ("next", told.next_action),
    ]
    if run.amount_at_risk:
        head.append(("at risk", formatted(run.amount_at_risk, run.currency or "minor units")))
    facts = json.dumps(run.facts, indent=2, sort_keys=True)
    return "\n".join([*aligned(head), "", *_timeline(run), *_by_hand(run), "", "facts", facts])


def _timeline(run: Run) -> list[str]:
    heads = ("", "step", "", "state", "try", "started", "took", "error")
    rows = [heads]
    for row in timeline(run):
        mark = f"{'>' if row.at_hand else ' '}{row.position:>3}"
        rows.append((mark, row.name, "do", *_cells(row.done)))
        if row.undone or (row.undo_name and run.status == RunStatus.COMPENSATING):
            rows.append(("", row.undo_name, "undo", *_cells(row.undone)))
    return aligned(rows)


def _by_hand(run: Run) -> list[str]:
    rows = [
        (f"{act.done_at:%Y-%m-%d %H:%M:%S}", act.actor, act.name, " ".join(act.plan), act.reason)
        for act in Action.objects.filter(run_id=run.pk)
    ]
    return ["", *aligned([("by hand", "who", "act", "what", "why"), *rows])] if rows else []


def _cells(act: Act | None) -> tuple[str, str, str, str, str]:
    if act is None:
        return "-", "", "", "", ""
    started = f"{act.started_at:%H:%M:%S.%f}"[:-3]
    return act.state, str(act.attempt), started, act.took, act.error
