"""Which orders somebody may see; every list and every look at one order starts here."""

from typing import Any

from django.db.models import Q, QuerySet

from campusg.api.permissions import sees_all
from orders.models import Order


def visible_to(user: Any) -> QuerySet[Order]:
    """A customer's own, an owner's restaurants', a runner's deliveries; operators see all."""
    if sees_all(user):
        return Order.objects.all()
    return Order.objects.filter(
        Q(customer_id=user.pk) | Q(restaurant__owner_id=user.pk) | Q(runner_id=user.pk)
    )
