"""`manage.py saga`: look at runs, check that they can go on, start one, lay hands on one."""

import getpass
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from campusg.errors import Refused
from sagas import operating
from sagas.engine.definition import Saga, fingerprint_of, saga_named
from sagas.engine.hands import HANDS, Told
from sagas.engine.picture import aligned, table
from sagas.engine.starting import start
from sagas.management.finding import facts_by_name, facts_given, found
from sagas.management.pages import line, page
from sagas.models import LIVE, Run, RunStatus

LIMIT = 50
Result = TypeVar("Result")


class Command(BaseCommand):
    help = "Look at runs, check that live ones can go on, start one, or lay hands on one."
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
        begin = acts.add_parser("start", help="start a run; without --yes only say what it does")
        begin.add_argument("name", metavar="NAME", help="the saga's name")
        _takes_facts(begin, "what the saga is given")
        begin.add_argument("--key", help="the run's key; the order's id unless told otherwise")
        begin.add_argument("--yes", action="store_true", help="do it")
        for name, hand in HANDS.items():
            _add_hand(acts, name, (hand.__doc__ or "").partition(".")[0])

    def handle(self, *args: Any, **options: Any) -> None:
        match options["act"]:
            case "list":
                self._list(options)
            case "show":
                self.stdout.write("\n\n".join(map(page, found(options["id"]))))
            case "start":
                self._start(options)
            case "check":
                self._check()
            case ("pause" | "resume") as act if options["saga"]:
                self._whole(act, options)
            case act:
                self._lay_hands("compensate" if act == "cancel" else act, options)

    def _list(self, options: dict[str, Any]) -> None:
        runs = Run.objects.all()
        if options["status"]:
            runs = runs.filter(status=options["status"])
        if options["saga"]:
            runs = runs.filter(saga=options["saga"])
        if options["live"]:
            runs = runs.filter(status__in=LIVE)
        rows = [line(run) for run in runs[: options["limit"]]]
        heads = ("id", "saga", "key", "status", "step", "since", "why")
        self.stdout.write("\n".join(aligned([heads, *rows])))

    def _start(self, options: dict[str, Any]) -> None:
        saga = saga_named(options["name"])
        if saga is None:
            names = ", ".join(sorted(Saga.registry))
            raise CommandError(f"There is no saga {options['name']}: {names}.", returncode=2)
        facts = facts_given(saga, options["fact"])
        key = options["key"] or str(facts.get("order_id", ""))
        with _only_if(options["yes"]):
            run = _unless_refused(lambda: start(saga, key, **facts))
            self.stdout.write("\n".join([table(saga), "", page(run)]))
        self._say_whether(options["yes"], f"Started {run.pk}.")

    def _lay_hands(self, act: str, options: dict[str, Any]) -> None:
        if not options["id"]:
            raise CommandError("Name a run, or a whole saga with --saga.", returncode=2)
        runs = found(options["id"])
        if len(runs) > 1:
            raise CommandError("That order has several runs; name one of them.", returncode=2)
        facts = facts_by_name(saga_named(runs[0].saga), options.get("fact", []))
        told = Told(options["reason"], facts, even_so=options.get("even_so", False))
        with _only_if(options["yes"]):
            plan = _unless_refused(
                lambda: operating.act_on(
                    act, runs[0].pk, told, actor=getpass.getuser(), planned=options["plan"]
                )
            )
            runs[0].refresh_from_db()
            self.stdout.write("\n".join([*plan.sentences, "", page(runs[0])]))
        done = f"Done: {act} {runs[0].pk}."
        self._say_whether(options["yes"], done, f"--plan {plan.hash} --yes")

    def _whole(self, act: str, options: dict[str, Any]) -> None:
        do = operating.pause_saga if act == "pause" else operating.resume_saga
        name, reason = options["saga"], options["reason"]
        with _only_if(options["yes"]):
            runs = _unless_refused(lambda: do(name, reason=reason, actor=getpass.getuser()))
        self.stdout.write(f"{act} {name}: {runs} runs under way.")
        self._say_whether(options["yes"], "Done.")

    def _say_whether(self, yes: bool, done: str, how: str = "--yes") -> None:
        self.stdout.write("\n" + (done if yes else f"Nothing was done: add {how} to do it."))

    def _check(self) -> None:
        stranded = [
            f"{run.pk}  {run.saga} {run.key}: began under {run.fingerprint}, this code has {have}"
            for run in Run.objects.filter(status__in=LIVE).order_by("id").iterator()
            if (have := fingerprint_of(run.saga)) != run.fingerprint
        ]
        if not stranded:
            self.stdout.write("OK: every live run can go on under this code.")
            return
        self.stdout.write("\n".join(stranded))
        self.stdout.write("Run workers of the old release until these have ended.")
        raise SystemExit(1)


def _add_hand(acts: Any, name: str, purpose: str) -> None:
    """The sub-command of one act; without --yes it only says what it would do."""
    aliases = ["cancel"] if name == "compensate" else []
    hand = acts.add_parser(name, aliases=aliases, help=purpose[:1].lower() + purpose[1:])
    whole = name in ("pause", "resume")
    hand.add_argument("id", nargs="?" if whole else None, help="a run's id or its beginning")
    if whole:
        hand.add_argument("--saga", metavar="NAME", help="every run of this saga")
    if name in ("skip", "edit"):
        _takes_facts(hand, "a fact the run is to know")
    if name == "terminate":
        hand.add_argument("--even-so", action="store_true", help="though money is out of place")
    hand.add_argument("--reason", required=True, help="why; it is kept with your name")
    hand.add_argument("--plan", metavar="HASH", help="refuse if the run moved since that plan")
    hand.add_argument("--yes", action="store_true", help="do it")


def _takes_facts(parser: Any, purpose: str) -> None:
    parser.add_argument("--fact", action="append", default=[], metavar="K=V", help=purpose)


@contextmanager
def _only_if(yes: bool) -> Iterator[None]:
    """Do it for real, or do it and take it back: a dry run meets the same refusals."""
    with transaction.atomic():
        yield
        transaction.set_rollback(not yes)


def _unless_refused(act: Callable[[], Result]) -> Result:
    try:
        return act()
    except Refused as refusal:
        raise CommandError(f"Refused ({refusal.code}): {refusal}") from refusal
