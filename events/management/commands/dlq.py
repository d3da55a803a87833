"""`manage.py dlq`: list and show dead letters, and let their consumers handle them again."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from kafka.errors import KafkaError

from events.dead_letters import Letter, letters, redrive
from events.inbox import Consumer
from events.registry import consumer_named, consumers

Found = list[tuple[Consumer, Letter]]
REASON_SHOWN = 100


class Command(BaseCommand):
    help = "Dead letters: list them, show one, let their consumers handle them again."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        # Without the class the sub-parsers would expect what only BaseCommand's own takes.
        acts = parser.add_subparsers(dest="act", required=True, parser_class=ArgumentParser)
        listed = acts.add_parser("list", help="those that are open")
        listed.add_argument("--all", action="store_true", help="also those handled since")
        show = acts.add_parser("show", help="everything about one")
        show.add_argument("id", help="its name in the list, such as 3-1042")
        again = acts.add_parser(
            "redrive", help="handle again; without --yes only say what would be"
        )
        again.add_argument("id", nargs="*", help="these; all that are open unless told")
        again.add_argument("--yes", action="store_true", help="do it")
        for act in (listed, show, again):
            act.add_argument("--consumer", metavar="NAME", help="only this consumer's")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wanted = [consumer_named(options["consumer"])] if options["consumer"] else consumers()
            found = [(each, letter) for each in wanted for letter in letters(each)]
        except LookupError as error:
            raise CommandError(str(error), returncode=2) from error
        except KafkaError as error:
            raise CommandError(f"The broker does not answer: {error}") from error
        match options["act"]:
            case "list":
                self._list(found, options["all"])
            case "show":
                self.stdout.write("\n\n".join(map(_page, _named(found, [options["id"]]))))
            case _:
                self._redrive(_named(found, options["id"]), options["yes"])

    def _list(self, found: Found, everything: bool) -> None:
        shown = [(each, letter) for each, letter in found if everything or letter.is_open]
        if not shown:
            self.stdout.write("No dead letters.")
        for consumer, letter in shown:
            state = "open" if letter.is_open else "handled since"
            self.stdout.write(
                f"{letter.id:<10} {consumer.name}  {_what(letter)}  {letter.attempts} tries  "
                f"{state}  {letter.reason[:REASON_SHOWN]}"
            )

    def _redrive(self, found: Found, yes: bool) -> None:
        failed = 0
        for consumer, letter in found:
            if not letter.is_open:
                self.stdout.write(f"{letter.id}: handled before.")
            elif letter.event is None:
                self.stdout.write(f"{letter.id}: no event that could be handled; {letter.reason}")
            elif not yes:
                self.stdout.write(f"{letter.id}: {consumer.name} would handle {_what(letter)}.")
            else:
                failed += not self._handled(consumer, letter)
        if not yes:
            self.stdout.write("Nothing was done: add --yes to do it.")
        if failed:
            raise CommandError(f"{failed} failed again and stay open.")

    def _handled(self, consumer: Consumer, letter: Letter) -> bool:
        """Whatever it raises is told, and the next one gets its turn."""
        try:
            outcome = redrive(consumer, letter)
        except Exception as error:
            self.stderr.write(f"{letter.id}: failed again, {type(error).__name__}: {error}")
            return False
        self.stdout.write(f"{letter.id}: {outcome}.")
        return True


def _named(found: Found, ids: list[str]) -> Found:
    """The letters of these names, all without any. Raises CommandError for an unknown one."""
    unknown = set(ids) - {letter.id for _, letter in found}
    if unknown:
        told = f"There is no dead letter {', '.join(sorted(unknown))}; see: manage.py dlq list"
        raise CommandError(told, returncode=2)
    return [(each, letter) for each, letter in found if not ids or letter.id in ids]


def _what(letter: Letter) -> str:
    event = letter.event
    return f"{event.type} v{event.version} of {event.order_id}" if event else "no event of ours"


def _page(one: tuple[Consumer, Letter]) -> str:
    consumer, letter = one
    event = letter.event
    body = json.dumps(event.data, indent=2) if event else repr(letter.value)
    return "\n".join(
        [
            f"letter    {letter.id}, {'open' if letter.is_open else 'handled since'}",
            f"consumer  {consumer.name}",
            f"stood at  {letter.topic}, partition {letter.partition}, offset {letter.offset}",
            f"died      {letter.died_at:%Y-%m-%d %H:%M:%S} UTC after {letter.attempts} tries",
            f"reason    {letter.reason}",
            f"event     {_what(letter)}" + (f", id {event.id}" if event else ""),
            *(f"header    {name}: {value!r}" for name, value in letter.headers),
            body,
        ]
    )
