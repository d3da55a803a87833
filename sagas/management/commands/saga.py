"""`manage.py saga`: list runs, show one, check that live ones can go on under this code."""

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q, QuerySet

from campusg.money import formatted
from sagas.engine.definition import Saga, saga_named
from sagas.engine.picture import aligned
from sagas.engine.telling import tell
from sagas.engine.timeline import Act, step_at_hand, timeline
from sagas.models import LIVE, Run, RunStatus

LIMIT = 50
WHY_SHOWN = 80


class Command(BaseCommand):
    help = "List runs, show one, or check that live runs can go on under this code."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        # Without the class the sub-parsers would expect what only BaseCommand's own takes.
        acts = parser.add_subparsers(dest="act", required=True, parser_class=ArgumentParser)
        show_all = acts.add_parser("list", help="the newest runs first")
        show_all.add_argument("--status", choices=RunStatus.values, type=str.upper)
        show_all.add_argument("--saga", metavar="NAME")
        show_all.add_argument("--live", action="store_true", help="only those not yet ended")
        show_all.add_argument("--limit", type=int, default=LIMIT, help=f"at most so many ({LIMIT})")
        show = acts.add_parser("show", help="one run, or all runs of an order")
        show.add_argument("id", help="a run's id or the beginning of it, or an order's id")
        acts.add_parser("check", help="exit with 1 if live runs can't go on under this code")

    def handle(self, *args: Any, **options: Any) -> None:
        match options["act"]:
            case "list":
                self._list(options)
            case "show":
                self.stdout.write("\n\n".join(map(_page, _found(options["id"]))))
            case _:
                self._check()

    def _list(self, options: dict[str, Any]) -> None:
        runs = Run.objects.all()
        if options["status"]:
            runs = runs.filter(status=options["status"])
        if options["saga"]:
            runs = runs.filter(saga=options["saga"])
        if options["live"]:
            runs = runs.filter(status__in=LIVE)
        rows = [_line(run) for run in runs[: options["limit"]]]
        heads = ("id", "saga", "key", "status", "step", "since", "why")
        self.stdout.write("\n".join(aligned([heads, *rows])))

    def _check(self) -> None:
        stranded = [
            f"{run.pk}  {run.saga} {run.key}: began under {run.fingerprint}, this code has {have}"
            for run in Run.objects.filter(status__in=LIVE).order_by("id").iterator()
            if (have := _fingerprint(run.saga)) != run.fingerprint
        ]
        if not stranded:
            self.stdout.write("OK: every live run can go on under this code.")
            return
        self.stdout.write("\n".join(stranded))
        self.stdout.write("Run workers of the old release until these have ended.")
        raise SystemExit(1)


def _line(run: Run) -> tuple[str, ...]:
    why = tell(run).why
    short = why if len(why) <= WHY_SHOWN else f"{why[: WHY_SHOWN - 1]}…"
    since = f"{run.changed_at:%Y-%m-%d %H:%M:%S}"
    return str(run.pk), run.saga, run.key, run.status, step_at_hand(run) or "-", since, short


def _page(run: Run) -> str:
    told = tell(run)
    head = [
        ("run", str(run.pk)),
        ("saga", run.saga),
        ("key", run.key),
        ("status", run.status),
        ("started", f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("ended", f"{run.ended_at:%Y-%m-%d %H:%M:%S} UTC" if run.ended_at else "-"),
        ("why", told.why),
        ("next", told.next_action),
    ]
    if run.amount_at_risk:
        head.append(("at risk", formatted(run.amount_at_risk, run.currency or "minor units")))
    facts = json.dumps(run.facts, indent=2, sort_keys=True)
    return "\n".join([*aligned(head), "", *_timeline(run), "", "facts", facts])


def _timeline(run: Run) -> list[str]:
    heads = ("", "step", "", "state", "try", "started", "took", "error")
    rows = [heads]
    for row in timeline(run):
        mark = f"{'>' if row.at_hand else ' '}{row.position:>3}"
        rows.append((mark, row.name, "do", *_cells(row.done)))
        if row.undone or (row.undo_name and run.status == RunStatus.COMPENSATING):
            rows.append(("", row.undo_name, "undo", *_cells(row.undone)))
    return aligned(rows)


def _cells(act: Act | None) -> tuple[str, str, str, str, str]:
    if act is None:
        return "-", "", "", "", ""
    started = f"{act.started_at:%H:%M:%S.%f}"[:-3]
    return act.state, str(act.attempt), started, act.took, act.error


def _found(wanted: str) -> list[Run]:
    """The runs that an operator means; raises CommandError (exit code 2) when that isn't clear."""
    of_order = _runs_of_order(wanted)
    if of_order:
        return list(of_order)
    lowest, highest = (_uuid(wanted, filler) for filler in "0f")
    # A prefix is a range of ids, so the primary key's index answers.
    runs = list(Run.objects.filter(pk__range=(lowest, highest)).order_by("pk")[:2])
    if not runs:
        raise CommandError(f"There is no run and no order {wanted}.", returncode=2)
    if len(runs) > 1:
        raise CommandError(f"More than one run begins with {wanted}.", returncode=2)
    return runs


def _runs_of_order(order_id: str) -> QuerySet[Run]:
    """Their keys are the order's id, some with more after a colon."""
    mine = Q(key=order_id) | Q(key__startswith=f"{order_id}:")
    return Run.objects.filter(mine).order_by("started_at", "id")


def _uuid(prefix: str, filler: str) -> UUID:
    try:
        return UUID(prefix.replace("-", "").ljust(32, filler))
    except ValueError:
        raise CommandError(f"{prefix} is not the beginning of an id.", returncode=2) from None


def _fingerprint(name: str) -> str:
    saga: Saga | None = saga_named(name)
    return saga.fingerprint if saga else "no such saga"
