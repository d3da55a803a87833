"""`manage.py devstack up|start|stop|status`: CampusG on a machine where nothing is installed."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import get_commands
from django.core.management.base import BaseCommand, CommandError

from devstack.errors import StackError
from devstack.foreground import until_told_to_stop
from devstack.stack import ALL, DEFAULT_FOLDER, Stack
from devstack.status import all_up, rows, stop_from_outside, table
from devstack.up import keep_alive, up


class Command(BaseCommand):
    """Exit codes: 0 done (for `status`: all up), 1 not all up, 2 something stands in the way."""

    help = "Run the servers CampusG needs (start), or those and CampusG itself (up)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["up", "start", "stop", "status"])
        parser.add_argument("--state-dir", type=Path, default=DEFAULT_FOLDER)
        parser.add_argument("--parts", nargs="+", choices=ALL, default=ALL, metavar="PART")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = options["state_dir"].resolve()
        try:
            match options["action"]:
                case "up":
                    self.up(Stack(folder, options["parts"]))
                case "start":
                    self.start(Stack(folder, options["parts"]))
                case "stop":
                    stopped = stop_from_outside(folder)
                    self.say(f"Stopped what ran in {folder}." if stopped else "Nothing ran.")
                case "status":
                    self.status(folder)
        except StackError as error:
            raise CommandError(str(error), returncode=2) from error

    def up(self, stack: Stack) -> None:
        wanted = ["migrate", *(["topics ensure"] if "kafka" in stack.names else []), "seed_campus"]
        preparations = [each for each in wanted if each.split()[0] in get_commands()]
        with until_told_to_stop():
            up(stack, preparations, self.say)
        self.say("Stopped.")

    def start(self, stack: Stack) -> None:
        with until_told_to_stop(), stack:
            self.say(table(list(rows(stack.folder))))
            self.say(f"Up in {stack.seconds:.1f} s. Ctrl-C stops; the data stays.")
            keep_alive(stack, self.say)
        self.say("Stopped.")

    def status(self, folder: Path) -> None:
        lines = list(rows(folder))
        self.say(table(lines))
        if not all_up(lines):
            raise SystemExit(1)

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
