"""What beat calls: fire everything that is due."""

from celery import shared_task

from scheduler import services

BATCH = 500


@shared_task(name="scheduler.fire_due_events", ignore_result=True)
def fire_due_events() -> None:
    """Fire batch after batch, each its own transaction, until one comes back short."""
    while services.fire_due(limit=BATCH) == BATCH:
        pass
