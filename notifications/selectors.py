"""Which notifications somebody may see."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from campusg.api.permissions import sees_all
from notifications.models import Notification


def inbox_of(user: Any) -> QuerySet[Notification]:
    """A person's own, whatever their role: an inbox is nobody else's."""
    return Notification.objects.filter(person_id=user.pk)


def told_about(order_id: UUID, user: Any) -> QuerySet[Notification]:
    """What this user was told about the order; operators and services see what everybody was."""
    of_order = Notification.objects.filter(order_id=order_id)
    return of_order if sees_all(user) else of_order.filter(person_id=user.pk)
