"""Every consumer of events, put together with what it has to know of other apps."""

from uuid import UUID

from django.conf import settings

from notifications.consumer import consumer
from notifications.services import AddressBook, Parties
from orders import services as orders
from users.services import operators


def parties_of(order_id: UUID) -> Parties | None:
    """An order's people, as orders knows them and notifications asks for them."""
    parties = orders.parties_of(order_id=order_id)
    return Parties(*parties) if parties else None


notifications = consumer(settings.EVENTS_TOPIC, AddressBook(parties_of, operators))
