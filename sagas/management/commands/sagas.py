"""`manage.py sagas`: every saga as its table, a diagram, or the page docs/sagas.md."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from sagas.engine import Saga
from sagas.engine.picture import mermaid, table
from sagas.tasks import SAGAS

HEADER = "<!-- Made from the code: `python manage.py sagas --markdown > docs/sagas.md`. -->"


class Command(BaseCommand):
    help = "Print the table of every saga."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--mermaid", action="store_true", help="as Mermaid flowcharts")
        form.add_argument("--markdown", action="store_true", help="as the page docs/sagas.md")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["markdown"]:
            self.stdout.write(markdown())
        else:
            draw = mermaid if options["mermaid"] else table
            self.stdout.write("\n\n".join(map(draw, SAGAS)))


def markdown() -> str:
    """All sagas on one page: table and diagram of each."""
    return "\n\n".join([HEADER, "# Sagas", *map(_section, SAGAS)])


def _section(saga: Saga) -> str:
    return f"## {saga.name}\n\n```text\n{table(saga)}\n```\n\n```mermaid\n{mermaid(saga)}\n```"
