"""`manage.py doctor`: what is wrong with this site, and what to do about it."""

import json
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from sagas.doctor import hearing, outside, servers, work
from sagas.doctor.lines import Check, Grade, Line, examine
from sagas.engine.picture import aligned

CHECKS: tuple[tuple[str, Check], ...] = (
    ("database", servers.database),
    ("migrations", servers.migrations),
    ("clock", servers.clock),
    ("broker", servers.broker),
    ("workers", work.workers),
    ("messages", work.queues),
    ("beat", work.beat),
    ("runs", work.runs),
    ("outbox", work.outbox),
    ("secrets", outside.secrets),
    ("stripe", outside.stripe),
    ("webhook endpoints", hearing.endpoints),
    ("webhooks", hearing.webhooks),
    ("dead letters", hearing.dead_letters),
)


class Command(BaseCommand):
    help = "Look at every part of this site; exit 1 if any line says FAIL."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for machines")
        parser.add_argument(
            "--strict", action="store_true", help="exit 1 on WARN too, as before a deploy"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        lines = list(examine(CHECKS))
        self.stdout.write(_as_json(lines) if options["json"] else self._as_text(lines))
        worst = max(line.grade for line in lines)
        if worst >= (Grade.WARN if options["strict"] else Grade.FAIL):
            raise SystemExit(1)

    def _as_text(self, lines: Iterable[Line]) -> str:
        paint = {
            Grade.OK: self.style.SUCCESS,
            Grade.WARN: self.style.WARNING,
            Grade.FAIL: self.style.ERROR,
        }
        rows = [(line.grade.name, line.about, line.seen, line.remedy) for line in lines]
        texts = aligned(rows)
        return "\n".join(paint[line.grade](text) for line, text in zip(lines, texts, strict=True))


def _as_json(lines: Iterable[Line]) -> str:
    return json.dumps(
        [
            {"grade": line.grade.name, "about": line.about, "seen": line.seen,
             "remedy": line.remedy}
            for line in lines
        ],
        indent=2,
    )  # fmt: skip
