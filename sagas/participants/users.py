"""People as steps."""

from uuid import UUID

from sagas.engine import participant
from users import errors, services
from users.services import Customer, Runner


@participant(refuses=(errors.NotACustomer, errors.NoSavedCard))
def get_customer(*, customer_id: UUID) -> Customer:
    """Who orders, and which saved card pays."""
    return services.get_customer(customer_id=customer_id)


@participant(refuses=(errors.NotARunner, errors.CannotBePaid))
def get_runner(*, runner_id: UUID) -> Runner:
    """Who delivers, and where they are paid."""
    return services.get_runner(runner_id=runner_id)
