"""`manage.py verify_books`: is every cent where it should be? Safe on a system at work."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sagas import books


class Command(BaseCommand):
    help = "Run every invariant; print `0 violations`, or the rows that break one and exit with 1."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which, and for whom."""
        parser.add_argument("--only", action="append", default=[], metavar="I07", help="this one")
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with books.snapshot():
                found = books.violations(options["only"])
        except LookupError as error:
            raise CommandError(str(error), returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(one) for one in found], default=str))
        else:
            for violation in found:
                self._tell(violation)
            self.stdout.write(_counted(len(found), "violation"))
        if found:
            raise SystemExit(1)

    def _tell(self, violation: books.Violation) -> None:
        invariant, count = violation.invariant, violation.count
        self.stdout.write(f"{invariant.name}: {_counted(count, 'row')}\n  {invariant.sentence}")
        for row in violation.rows:
            self.stdout.write("    " + "  ".join(f"{key}={value}" for key, value in row.items()))
        if count > len(violation.rows):
            self.stdout.write(f"    … and {count - len(violation.rows)} more")
        self.stdout.write("")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _as_json(violation: books.Violation) -> dict[str, Any]:
    return {
        "name": violation.invariant.name,
        "sentence": violation.invariant.sentence,
        "count": violation.count,
        "rows": violation.rows,
    }
