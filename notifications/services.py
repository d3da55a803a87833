"""The front door of notifications: tell people of an event, mark read, bring it to them."""

from notifications.bringing import bring, bring_due, try_again
from notifications.reading import mark_all_read, mark_read
from notifications.writing import AddressBook, Parties, notify

__all__ = [
    "AddressBook",
    "Parties",
    "bring",
    "bring_due",
    "mark_all_read",
    "mark_read",
    "notify",
    "try_again",
]
