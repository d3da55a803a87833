"""Marking as read; what is read stays read since the first time."""

from uuid import UUID

from django.db.models.functions import Now

from notifications.models import Notification


def mark_read(*, person_id: UUID, notification_id: UUID) -> Notification | None:
    """One notification of this person; None when they have no such one."""
    theirs = Notification.objects.filter(pk=notification_id, person_id=person_id)
    theirs.filter(read_at=None).update(read_at=Now())
    return theirs.first()


def mark_all_read(*, person_id: UUID) -> int:
    """Everything this person has not read; how many that were."""
    return Notification.objects.filter(person_id=person_id, read_at=None).update(read_at=Now())
