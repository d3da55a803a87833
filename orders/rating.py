"""Rating: once per order, the customer the runner and the runner the customer."""

from uuid import UUID

from django.db import transaction

from events.services import record
from orders import errors
from orders.models import Order, Rating
from orders.moving import told
from orders.states import OrderStatus

RATABLE = (OrderStatus.COMPLETED, OrderStatus.COMPLETED_UNPAID)


@transaction.atomic(savepoint=False)
def rate(*, order_id: UUID, by_user_id: UUID, stars: int) -> None:
    """Give the other party of a completed order 1 to 5 stars; record `order.rated`.

    Raises UnknownOrder unless the order is theirs, NotRatable, AlreadyRated.
    """
    order = Order.objects.filter(id=order_id).first()
    if order is None or by_user_id not in (order.customer_id, order.runner_id):
        raise errors.UnknownOrder("You have no such order.", field="order_id")
    if order.status not in RATABLE:
        raise errors.NotRatable(f"The order is {order.status}; rate it when it is completed.")
    assert order.runner_id is not None, "the database gives every delivered order a runner"
    about_id = order.runner_id if by_user_id == order.customer_id else order.customer_id
    _, fresh = Rating.objects.get_or_create(
        order_id=order_id, by_id=by_user_id, defaults={"about_id": about_id, "stars": stars}
    )
    if not fresh:
        raise errors.AlreadyRated("You have rated this order before.")
    record(
        type="order.rated",
        order_id=order_id,
        data={
            **told(order, order.status),
            "by_user_id": by_user_id,
            "about_user_id": about_id,
            "stars": stars,
        },
    )
