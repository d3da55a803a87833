"""`manage.py saga_crashtest`: every step of every saga, dying at every point."""

import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from devstack.crashtest import cells
from devstack.errors import StackError
from devstack.foreground import until_told_to_stop
from devstack.stack import DEFAULT_FOLDER, Stack
from devstack.stripe import CHECKOUT
from devstack.up import manage

PARTS = ("postgres", "stripe", "valkey", "kafka")

#: What the environment names is not used: they are filled with faults, and emptied.
GIVEN = ("STRIPE_API_BASE", "STRIPE_SECRET_KEY", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS")


class Command(BaseCommand):
    """Exit codes: 0 every cell ended right, 1 one did not, 2 something stands in the way."""

    help = "Let a process die at every point of every saga, and judge what became of the money."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sagas", nargs="*", metavar="SAGA", help="these only")
        parser.add_argument("--cell", default="", help="this cell only, as a FAIL names it")
        parser.add_argument("--sample", type=int, default=0, metavar="N", help="N cells by chance")
        parser.add_argument("--seed", type=int, default=1, help="which chance (1)")
        parser.add_argument("--state-dir", type=Path, default=DEFAULT_FOLDER / "crashtest")

    def handle(self, *args: Any, **options: Any) -> None:
        known = cells.named(options["cell"]) if options["cell"] else True
        if not known or not cells.scenes_of(options["sagas"]):
            wrong = options["cell"] or " ".join(options["sagas"])
            raise CommandError(f"There is no cell or saga {wrong}.", returncode=2)
        for name in GIVEN:
            os.environ.pop(name, None)
        code = 130
        try:
            with until_told_to_stop(), Stack(options["state_dir"], PARTS, fresh=PARTS) as stack:
                code = _played(stack, options)
        except StackError as error:
            raise CommandError(str(error), returncode=2) from error
        if code:
            raise SystemExit(code)


def _played(stack: Stack, options: dict[str, Any]) -> int:
    env = {**os.environ, **stack.env, "DJANGO_SETTINGS_MODULE": "devstack.crashtest.settings"}
    for command in ("migrate", "topics ensure"):
        manage(command, env, stack.folder, lambda _: None)
    flags = [f"--{name}={options[name]}" for name in ("cell", "sample", "seed")]
    argv = [sys.executable, "-m", "devstack.crashtest", *options["sagas"], *flags]
    argv.append(f"--folder={stack.folder}")
    return subprocess.run(argv, env=env, cwd=CHECKOUT, check=False).returncode
