"""Which orders somebody may see; every list and every look at one order starts here."""

from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from campusg.api.permissions import sees_all
from orders.models import Order


def visible_to(user: Any) -> QuerySet[Order]:
    """A customer's own, an owner's restaurants', a runner's deliveries; operators see all.

    Only the roles that somebody holds are asked about: nearly everybody holds one, and one
    condition is one index.
    """
    if sees_all(user):
        return Order.objects.all()
    by_role = {
        "customer": Q(customer_id=user.pk),
        "restaurant": Q(restaurant__owner_id=user.pk),
        "runner": Q(runner_id=user.pk),
    }
    held = [condition for role, condition in by_role.items() if role in user.roles]
    return Order.objects.filter(reduce(or_, held)) if held else Order.objects.none()
