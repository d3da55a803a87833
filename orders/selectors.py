"""Which orders somebody may see; every list and every look at one order starts here."""

from functools import reduce
from operator import or_
from typing import Any, TypedDict

from django.db.models import Avg, Count, Q, QuerySet, Sum

from campusg.api.permissions import sees_all
from orders.models import Order, Rating
from orders.states import OrderStatus

#: Nothing more happens to these by itself.
ENDED = (OrderStatus.COMPLETED, OrderStatus.COMPLETED_UNPAID, OrderStatus.CANCELLED)


class Total(TypedDict):
    """So many minor units of one currency, from so many orders."""

    currency: str
    amount: int
    orders: int


class Totals(TypedDict):
    """What somebody's completed orders came to, as customer and as runner."""

    spent: list[Total]
    earned: list[Total]


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


def open_to(user: Any) -> QuerySet[Order]:
    """What a runner may take now: the open orders that are not their own."""
    return Order.objects.filter(status=OrderStatus.CREATED).exclude(customer_id=user.pk)


def once_open() -> QuerySet[Order]:
    """What any runner may have seen as open, whoever has it by now."""
    return Order.objects.filter(created_at__isnull=False)


def history_of(user: Any) -> QuerySet[Order]:
    """The orders that somebody placed or delivered and that are over."""
    part = Q(customer_id=user.pk) | Q(runner_id=user.pk)
    return Order.objects.filter(part, status__in=ENDED)


def totals_of(user: Any) -> Totals:
    """What they paid and what they earned, by currency. Orders nobody has paid for don't count."""
    paid = Order.objects.filter(status=OrderStatus.COMPLETED)
    return {
        "spent": _sums(paid.filter(customer_id=user.pk), "total"),
        "earned": _sums(paid.filter(runner_id=user.pk), "delivery_fee"),
    }


class Rated(TypedDict):
    """What others think of somebody: stars on average, None before the first rating."""

    stars: float | None
    ratings: int


def rating_of(user: Any) -> Rated:
    """The average of what somebody was given, to a tenth of a star, and of how many."""
    given = Rating.objects.filter(about_id=user.pk)
    stars, ratings = given.aggregate(stars=Avg("stars"), ratings=Count("pk")).values()
    return {"stars": None if stars is None else round(float(stars), 1), "ratings": ratings}


def _sums(orders: QuerySet[Order], field: str) -> list[Total]:
    by_currency = orders.values("currency").order_by("currency")
    return [
        {"currency": row["currency"], "amount": row["amount"], "orders": row["count"]}
        for row in by_currency.annotate(amount=Sum(field), count=Count("pk"))
    ]
