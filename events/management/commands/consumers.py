"""`manage.py consumers`: how far behind each consumer is, what it has handled, what died."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from kafka.errors import KafkaError

from events.dead_letters import letters
from events.inbox import Consumer, tally
from events.lag import lag_of
from events.registry import consumer_named, consumers

#: Events behind from which on a person should look.
ALARM = 1000


class Command(BaseCommand):
    help = "Print each consumer's lag by partition, its inbox and its dead letters."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="one consumer; all of them unless told")
        parser.add_argument(
            "--alarm",
            action="store_true",
            help=f"only end with 1 when one is {ALARM} events behind or has an open dead letter",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wanted = [consumer_named(options["name"])] if options["name"] else consumers()
        except LookupError as error:
            raise CommandError(str(error), returncode=2) from error
        try:
            if options["alarm"]:
                _alarm(wanted)
            else:
                self.stdout.write("\n\n".join(map(_page, wanted)))
        except KafkaError as error:
            raise CommandError(f"The broker does not answer: {error}") from error


def _alarm(wanted: list[Consumer]) -> None:
    """Raises CommandError when a person should look."""
    for consumer in wanted:
        behind = sum(lag.messages for lag in lag_of(consumer))
        if behind >= ALARM:
            raise CommandError(f"{consumer.name} is {behind} events behind.")
        dead = sum(letter.is_open for letter in letters(consumer))
        if dead:
            look = f"manage.py dlq list --consumer {consumer.name}"
            raise CommandError(f"{consumer.name} has {dead} open dead letters: {look}")


def _page(consumer: Consumer) -> str:
    lags, counts, dead = lag_of(consumer), tally(consumer.name), letters(consumer)
    still_open = sum(letter.is_open for letter in dead)
    lines = [
        f"{consumer.name} reads {consumer.topic}",
        *(
            f"  partition {lag.partition:<3} end {lag.end:<9} at {lag.committed:<9} "
            f"lag {lag.messages}"
            for lag in lags
        ),
        f"  lag           {sum(lag.messages for lag in lags)}",
        f"  inbox         {counts.handled} handled, {counts.ignored} came too late",
        f"  gaps          {counts.gaps} orders of which a version is missing",
        f"  dead letters  {still_open} open of {len(dead)}"
        + (f"; look: manage.py dlq list --consumer {consumer.name}" if still_open else ""),
    ]
    return "\n".join(lines if lags else [lines[0], "  There is no such topic yet.", *lines[1:]])
