"""Time as steps."""

from uuid import UUID

from sagas.engine import Retry, participant
from scheduler import services
from scheduler.services import OrderTimeout


@participant(retry=Retry(tries=3))
def start_order_timeout(*, order_id: UUID) -> OrderTimeout:
    """See to it that an order nobody accepts is called off in time."""
    return services.start_order_timeout(order_id=order_id)
