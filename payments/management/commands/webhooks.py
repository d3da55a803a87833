"""`manage.py webhooks`: what Stripe has told us of, what came of it, and where it tells us."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from payments import stripe_events
from payments.errors import StripeUnavailable
from payments.gateway import register_webhook
from payments.stripe_events import EventState, StripeEvent
from payments.webhooks import hint

_WANT_A_PERSON = (EventState.DEAD, EventState.QUARANTINED)


class Command(BaseCommand):
    """List events, follow some once more, or have Stripe send them."""

    help = "Stripe's events: list them, follow some once more, or have Stripe send them to a URL."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Three subcommands."""
        acts = parser.add_subparsers(dest="act", required=True)
        listed = acts.add_parser("list", help="the newest events; those for a person by default")
        listed.add_argument("--state", choices=EventState.values, action="append")
        listed.add_argument("--limit", type=int, default=50)
        retried = acts.add_parser("retry", help="follow events once more from the start")
        retried.add_argument("event", nargs="*", help="evt_…; none: all that are dead")
        registered = acts.add_parser("register", help="have Stripe send its events to a URL")
        registered.add_argument("url", help="https://…/api/stripe/webhook[/connect]")
        registered.add_argument("--connect", action="store_true", help="those of payees' accounts")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do as asked."""
        {"list": self._list, "retry": self._retry, "register": self._register}[options["act"]](
            options
        )

    def _list(self, options: dict[str, Any]) -> None:
        states = options["state"] or list(map(str, _WANT_A_PERSON))
        events = StripeEvent.objects.filter(state__in=states)[: options["limit"]]
        for one in events:
            received = f"{one.received_at:%Y-%m-%d %H:%M:%S}"
            self.stdout.write(
                f"{received}  {one.pk}  {one.state}  {one.type}  {one.object_id}  {one.note}"
            )
        self.stderr.write(f"{len(events)} events: {', '.join(states)}")

    def _retry(self, options: dict[str, Any]) -> None:
        dead = StripeEvent.objects.filter(state=EventState.DEAD).values_list("pk", flat=True)
        wanted = options["event"] or list(dead)
        count = stripe_events.try_again(wanted)
        if count < len(set(wanted)):
            raise CommandError(f"{len(set(wanted)) - count} of these are not known here.")
        hint()
        self.stdout.write(f"{count} events are followed once more.")

    def _register(self, options: dict[str, Any]) -> None:
        try:
            name, secret = register_webhook(options["url"], connect=options["connect"])
        except StripeUnavailable as error:
            raise CommandError(str(error)) from error
        setting = (
            "STRIPE_CONNECT_WEBHOOK_SECRETS" if options["connect"] else "STRIPE_WEBHOOK_SECRETS"
        )
        self.stderr.write(f"{name} is told of events at {options['url']}.")
        self.stderr.write("Stripe shows its secret this once; put it into the environment:")
        self.stdout.write(f"{setting}={secret}")
