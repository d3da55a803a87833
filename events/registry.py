"""The consumers that the settings name; this layer knows none of them itself."""

from django.conf import settings
from django.utils.module_loading import import_string

from events.inbox import Consumer


def consumers() -> list[Consumer]:
    """Every consumer of `EVENTS_CONSUMERS`, in its order."""
    return [import_string(path) for path in settings.EVENTS_CONSUMERS]


def consumer_named(name: str) -> Consumer:
    """The one of that name. Raises LookupError, saying which there are."""
    known = {consumer.name: consumer for consumer in consumers()}
    if name not in known:
        raise LookupError(f"There is no consumer {name}: {', '.join(sorted(known))}.")
    return known[name]
