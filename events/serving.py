"""A consumer as a process: `manage.py consume_…`, stopped by SIGTERM or Ctrl-C."""

import signal
from argparse import ArgumentParser
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError
from kafka.errors import FencedInstanceIdError, KafkaError

from events.consumer import Runner
from events.registry import consumer_named


class ConsumeCommand(BaseCommand):
    """Runs the consumer `consumer` until told to stop; a command says no more than its name."""

    consumer: ClassVar[str]
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--member",
            default="0",
            metavar="NAME",
            help="which of several processes this is (0); a name no other has, and for good",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        runner = Runner(consumer_named(self.consumer), options["member"])
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: runner.stop())
        self.stdout.write(f"{runner.member} reads {runner.consumer.topic}.")
        try:
            runner.run()
        except FencedInstanceIdError as error:
            told = f"Another process is {runner.member}; give this one a --member of its own."
            raise CommandError(told, returncode=2) from error
        except KafkaError as error:
            raise CommandError(f"The broker refuses: {error}") from error
        self.stdout.write(f"{runner.member} has stopped.")
