"""The first consumer of events: it tells people."""

from events.inbox import Consumer
from notifications.services import AddressBook, notify


def consumer(topic: str, book: AddressBook) -> Consumer:
    """Tells whom `book` knows of every event of `topic` that concerns them."""
    return Consumer("notifications", topic, lambda events: notify(events, book))
