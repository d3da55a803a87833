"""Every consumer of events, put together with what it has to know of other apps."""

from collections.abc import Collection
from uuid import UUID

from django.conf import settings

from notifications.consumer import consumer
from notifications.services import AddressBook, Parties
from orders import services as orders
from users.services import operators


def parties_of(order_ids: Collection[UUID]) -> dict[UUID, Parties]:
    """The orders' people, as orders knows them and notifications asks for them."""
    found = orders.parties_of(order_ids=order_ids)
    return {order_id: Parties(*people) for order_id, people in found.items()}


notifications = consumer(settings.EVENTS_TOPIC, AddressBook(parties_of, operators))
