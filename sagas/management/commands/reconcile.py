"""`manage.py reconcile`: does Stripe say of our money what our books say?"""

import getpass
from argparse import ArgumentParser
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from campusg.money import formatted
from payments.breaks import Break, Reconciliation, resolve
from payments.errors import StripeUnavailable
from sagas.engine.picture import aligned
from sagas.reconciling import reconcile

DAY = timedelta(days=1)


class Command(BaseCommand):
    """Exit codes: 0 all is explained, 1 there are breaks, 2 bad input or Stripe is away."""

    help = "Hold Stripe's balance transactions and holds against the books, by id; mend, and tell."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """A time, or one break to close by hand."""
        when = parser.add_mutually_exclusive_group()
        when.add_argument("--day", help="one day, UTC: 2026-11-21")
        when.add_argument("--since", help="from that day until now; yesterday by default")
        when.add_argument("--close", type=int, metavar="BREAK", help="a person explains a break")
        parser.add_argument("--reason", default="", help="what explains it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, tell, and end with 1 while anything is open."""
        if options["close"] is not None:
            self._close(options["close"], options["reason"].strip())
            return
        since, until = _times(options)
        try:
            done = reconcile(since, until, self._progress)
        except StripeUnavailable as error:
            raise CommandError(str(error), returncode=2) from error
        open_ = list(Break.objects.filter(resolved_at=None).order_by("id"))
        self._tell(done, open_)
        if open_ or done.unexplained:
            raise SystemExit(1)

    def _tell(self, done: Reconciliation, open_: list[Break]) -> None:
        gaps = [formatted(amount, name) for name, amount in done.unexplained.items()]
        rows = [
            ("matched", str(done.matched)),
            ("under way", str(done.under_way)),
            ("new breaks", str(done.found)),
            ("open breaks", str(len(open_))),
            ("unexplained", ", ".join(gaps) or "0"),
        ]
        self.stdout.write(f"{done} UTC")
        for line in aligned(rows):
            self.stdout.write(line)
        for one in open_:
            amount = formatted(one.amount, one.currency)
            about = f", order {one.order_id}" if one.order_id else ""
            self.stdout.write(
                f"  {one.pk}  {one.kind} {one.object_id} ({one.layer}): ours {one.ours}, "
                f"theirs {one.theirs}, {amount}{about}"
            )

    def _close(self, break_id: int, reason: str) -> None:
        if not reason:
            raise CommandError("Say why with --reason.", returncode=2)
        if not resolve(break_id, f"{getpass.getuser()}: {reason}"):
            raise CommandError(f"There is no open break {break_id}.", returncode=2)
        self.stdout.write(f"Break {break_id} is closed.")

    def _progress(self, read: int) -> None:
        self.stderr.write(f"{read} balance transactions read")


def _times(options: dict[str, Any]) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    day = options["day"] or options["since"]
    since = _midnight(day) if day else _midnight((now - DAY).date().isoformat())
    if since > now:
        raise CommandError(f"{day} has not come yet.", returncode=2)
    return since, min(since + DAY, now) if options["day"] else now


def _midnight(day: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(day), time.min, UTC)
    except ValueError as error:
        raise CommandError(f"{day} is no day; write 2026-11-21.", returncode=2) from error
