"""`manage.py verify_books`: is every cent where it should be? Safe on a system at work."""

from typing import Any

from django.core.management.base import BaseCommand

from sagas import books


class Command(BaseCommand):
    help = "Run every invariant; print `0 violations`, or the rows that break one and exit with 1."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        with books.snapshot():
            found = books.violations()
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
