"""`manage.py relay_events`: carry the outbox to the broker; with --status, say how far it is."""

import dataclasses
import json
import signal
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from events import outbox
from events.relay import Relay

#: Seconds of lag from which on a person should look (`--status` then ends with 1).
ALARM = 60.0


class Command(BaseCommand):
    """Ends on SIGTERM or Ctrl-C, with the batch at hand finished."""

    help = "Publish the outbox to Kafka until stopped. Any number may run; one is at work."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--status", action="store_true",
            help=f"say how far behind we are, and end: with 1 if by more than {ALARM:.0f} s",
        )  # fmt: skip
        parser.add_argument(
            "--json", action="store_true", dest="as_json", help="the status, for machines"
        )

    def handle(self, *, status: bool, as_json: bool, **options: Any) -> None:
        if status or as_json:
            self._status(as_json=as_json)
            return
        relay = Relay()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: relay.stop())
        relay.run()

    def _status(self, *, as_json: bool) -> None:
        lag = outbox.lag()
        if as_json:
            self.stdout.write(json.dumps(dataclasses.asdict(lag)))
        else:
            self.stdout.write("a relay is at work" if lag.relay_at_work else "no relay is at work")
            self.stdout.write(f"published in the last minute: {lag.published_last_minute}")
            self.stdout.write(f"waiting: {lag.waiting}")
            if lag.waiting:
                self.stdout.write(f"the oldest for {lag.oldest_seconds:.1f} s: {lag.oldest}")
        if lag.oldest_seconds > ALARM:
            sys.exit(1)
