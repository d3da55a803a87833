"""`manage.py schemas check|release`: events keep what was promised with the last release."""

import shutil
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from events.catalogue import EVENTS, SCHEMAS
from events.compatibility import RELEASED, broken_promises, released


class Command(BaseCommand):
    """`check` ends with 1 when a promise is broken; `release` promises what is there now."""

    help = "The JSON Schemas of the events against those of the last release."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["check", "release"])

    def handle(self, *, what: str, **options: Any) -> None:
        broken = broken_promises(released(), EVENTS)
        for sentence in broken:
            self.stderr.write(sentence)
        if broken:
            sys.exit(1)
        if what == "release":
            RELEASED.mkdir(exist_ok=True)
            for path in SCHEMAS.glob("*.json"):
                shutil.copy(path, RELEASED)
        self.stdout.write(f"schemas: OK, {len(EVENTS)} types, {len(released())} released")
