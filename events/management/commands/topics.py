"""`manage.py topics ensure|check`: make the declared topics, or say what is wrong with them."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from kafka.errors import KafkaError

from events import topics


class Command(BaseCommand):
    """`ensure` changes, `check` looks; both end with 2 when a topic is not as declared."""

    help = "The Kafka topics that events/topics.py declares."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["ensure", "check"])

    def handle(self, *, what: str, **options: Any) -> None:
        try:
            for line in topics.ensure() if what == "ensure" else ():
                self.stdout.write(line)
            wrong = topics.check()
        except KafkaError as error:
            brokers = ", ".join(settings.KAFKA_BOOTSTRAP_SERVERS)
            raise CommandError(
                f"No broker answers at {brokers} (KAFKA_BOOTSTRAP_SERVERS): {error}", returncode=2
            ) from error
        for sentence in wrong:
            self.stderr.write(sentence)
        if wrong:
            sys.exit(2)
        self.stdout.write("topics: OK")
