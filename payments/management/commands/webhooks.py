"""`manage.py webhooks`: what Stripe has told us of, what came of it, and where it tells us."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from payments import stripe_events
from payments.errors import StripeUnavailable
from payments.gateway import register_webhook
from payments.stripe_events import EventState, StripeEvent
from payments.webhooks import hint

_WANT_A_PERSON = (EventState.DEAD, EventState.QUARANTINED)
#: Where we are told, whether of payees' accounts, and the setting for what that is signed with.
_ENDPOINTS = (
    ("stripe-webhook", False, "STRIPE_WEBHOOK_SECRETS"),
    ("stripe-connect-webhook", True, "STRIPE_CONNECT_WEBHOOK_SECRETS"),
)


class Command(BaseCommand):
    """List events, follow some once more, or have Stripe send them."""

    help = "Stripe's events: list them, follow some once more, or have Stripe send them here."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Three subcommands."""
        acts = parser.add_subparsers(dest="act", required=True)
        listed = acts.add_parser("list", help="the newest events; those for a person by default")
        listed.add_argument("--state", choices=EventState.values, action="append")
        listed.add_argument("--limit", type=int, default=50)
        retried = acts.add_parser("retry", help="follow events once more from the start")
        retried.add_argument("event", nargs="*", help="evt_…; none: all that are dead")
        registered = acts.add_parser("register", help="have Stripe send its events to this site")
        registered.add_argument(
            "site", nargs="?", default=settings.SITE_URL, help=f"its address ({settings.SITE_URL})"
        )

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
        self.stderr.write("Stripe shows each secret this once; put them into the environment:")
        for route, connect, setting in _ENDPOINTS:
            url = f"{options['site'].rstrip('/')}{reverse(route)}"
            try:
                name, secret = register_webhook(url, connect=connect)
            except StripeUnavailable as error:
                raise CommandError(str(error)) from error
            self.stderr.write(f"{name} is told of events at {url}.")
            self.stdout.write(f"{setting}={secret}")
