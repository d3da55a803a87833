"""`manage.py asyncapi`: the events as an AsyncAPI 3 document; with --page as a page for people."""

from argparse import ArgumentParser
from typing import Any

import yaml
from django.core.management.base import BaseCommand

from events import documents


class Command(BaseCommand):
    """Prints; `make check` compares with what is committed."""

    help = "Print docs/asyncapi.yaml, or with --page docs/events.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--page", action="store_true", help="Markdown instead")

    def handle(self, *, page: bool, **options: Any) -> None:
        if page:
            self.stdout.write(documents.page(), ending="")
        else:
            self.stdout.write(_yaml(documents.asyncapi()), ending="")


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice twice: anchors would make the document hard to read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _yaml(document: dict[str, Any]) -> str:
    text: str = yaml.dump(document, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100)
    return text
