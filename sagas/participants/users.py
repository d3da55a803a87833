"""People as steps."""

from uuid import UUID

from sagas.engine import participant
from users import services
from users.errors import NoSavedCard, NotACustomer
from users.services import Customer


@participant(refuses=(NotACustomer, NoSavedCard))
def get_customer(*, customer_id: UUID) -> Customer:
    """Who orders, and which saved card pays."""
    return services.get_customer(customer_id=customer_id)
