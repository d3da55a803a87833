"""`manage.py saga`: list and show runs, check that they can go on, start one, turn one round."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, get_origin
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models import Q, QuerySet

from campusg.errors import Refused
from campusg.money import formatted
from sagas.engine.definition import Saga, saga_named
from sagas.engine.picture import aligned, table
from sagas.engine.starting import compensate, start
from sagas.engine.telling import tell
from sagas.engine.timeline import Act, step_at_hand, timeline
from sagas.models import LIVE, Run, RunStatus

LIMIT = 50
WHY_SHOWN = 80


class Command(BaseCommand):
    help = "List runs, show one, check that live ones can go on, start one, or turn one round."
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
        begin = acts.add_parser(
            "start", help="start a run; without --yes only say what it would do"
        )
        begin.add_argument("name", metavar="NAME", help="the saga's name")
        begin.add_argument(
            "--fact", action="append", default=[], metavar="K=V", help="what the saga is given"
        )
        begin.add_argument("--key", help="the run's key; the order's id unless told otherwise")
        turn = acts.add_parser("cancel", help="turn a run round; without --yes only say so")
        turn.add_argument("id", help="a run's id or the beginning of it")
        turn.add_argument("--reason", required=True)
        for act in (begin, turn):
            act.add_argument("--yes", action="store_true", help="do it")

    def handle(self, *args: Any, **options: Any) -> None:
        match options["act"]:
            case "list":
                self._list(options)
            case "show":
                self.stdout.write("\n\n".join(map(_page, _found(options["id"]))))
            case "start":
                self._start(options)
            case "cancel":
                self._cancel(options)
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

    def _start(self, options: dict[str, Any]) -> None:
        saga = saga_named(options["name"])
        if saga is None:
            names = ", ".join(sorted(Saga.registry))
            raise CommandError(f"There is no saga {options['name']}: {names}.", returncode=2)
        facts = _facts(saga, options["fact"])
        key = options["key"] or str(facts.get("order_id", ""))
        with _only_if(options["yes"]):
            run = _unless_refused(lambda: start(saga, key, **facts))
            self.stdout.write("\n".join([table(saga), "", _page(run)]))
        self._say_whether(options["yes"], f"Started {run.pk}.")

    def _cancel(self, options: dict[str, Any]) -> None:
        found = _found(options["id"])
        if len(found) > 1:
            raise CommandError("That order has several runs; name one of them.", returncode=2)
        with _only_if(options["yes"]):
            run = _unless_refused(lambda: compensate(found[0].pk, options["reason"]))
            self.stdout.write(_page(run))
        self._say_whether(options["yes"], f"Turned round {run.pk}.")

    def _say_whether(self, yes: bool, done: str) -> None:
        self.stdout.write("\n" + (done if yes else "Nothing was done: add --yes to do it."))

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


@contextmanager
def _only_if(yes: bool) -> Iterator[None]:
    """Do it for real, or do it and take it back: a dry run meets the same refusals."""
    with transaction.atomic():
        yield
        transaction.set_rollback(not yes)


def _unless_refused(act: Callable[[], Run]) -> Run:
    try:
        return act()
    except Refused as refusal:
        raise CommandError(f"Refused ({refusal.code}): {refusal}") from refusal


def _facts(saga: Saga, told: list[str]) -> dict[str, Any]:
    """The facts as the saga takes them: numbers and lists as JSON, everything else as it stands."""
    facts: dict[str, Any] = {}
    for name, _, value in (one.partition("=") for one in told):
        kind = saga.given.get(name, str)
        as_json = kind is int or get_origin(kind) is list
        facts[name] = json.loads(value) if as_json else value
    if set(facts) != set(saga.given):
        wanted = ", ".join(f"--fact {name}=…" for name in saga.given)
        raise CommandError(f"{saga.name} is given exactly: {wanted}", returncode=2)
    return facts


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
