"""Secrets, and the world outside: Stripe's mode, Kafka."""

from collections.abc import Iterator

from django.conf import settings

from payments.webhooks import is_live
from sagas.doctor.lines import Line, fail, ok, warn

#: Values that stand in the repository protect nothing.
_PUBLISHED = ("local-only", "build", "change-me", "insecure")
SANDBOX = "a sandbox"


def secrets() -> Iterator[Line]:
    """Keys that nobody else knows."""
    short = len(settings.SECRET_KEY) < 50
    if settings.DEBUG:
        yield warn(
            "secrets", "DEBUG is on: for a person's own machine only",
            "DJANGO_SETTINGS_MODULE=campusg.settings.production",
        )  # fmt: skip
    elif short or any(word in settings.SECRET_KEY for word in _PUBLISHED):
        yield fail("secrets", "SECRET_KEY is short or published", "Set a new one of 50 characters.")
    elif not settings.HANDOVER_PIN_KEY:
        yield warn(
            "secrets", "hand-over PINs hang on SECRET_KEY",
            "Set HANDOVER_PIN_KEY, or changing SECRET_KEY changes every PIN.",
        )  # fmt: skip
    else:
        yield ok("secrets", "set, none of them published")


def stripe() -> Iterator[Line]:
    """Which Stripe this site moves money at."""
    real = settings.STRIPE_API_BASE == "https://api.stripe.com"
    live = is_live()
    where = "live" if live and real else "test mode" if real else SANDBOX
    if not settings.STRIPE_SECRET_KEY:
        yield fail("stripe", "no key", "Set STRIPE_SECRET_KEY.")
    elif live and not real:
        yield fail("stripe", f"a live key for {settings.STRIPE_API_BASE}", "Take it out at once.")
    elif live and settings.DEBUG:
        yield fail("stripe", "a live key with DEBUG on", "Use a test key on this machine.")
    elif not real and not settings.DEBUG:
        yield warn("stripe", f"{where}: no money moves", "Unset STRIPE_API_BASE.")
    else:
        yield ok("stripe", where)
