"""What beat asks of the outbox: to clear away what is long published."""

from celery import shared_task
from django.conf import settings

from events import outbox


@shared_task(name="events.prune_outbox", ignore_result=True)
def prune_outbox() -> None:
    """Delete events that were published more than EVENTS_KEEP_DAYS ago."""
    outbox.prune(settings.EVENTS_KEEP_DAYS)
