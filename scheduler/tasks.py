"""What beat calls: fire everything that is due."""

from celery import shared_task

from scheduler import services


@shared_task(name="scheduler.fire_due_events", ignore_result=True)
def fire_due_events() -> None:
    """Fire batch after batch until nothing is due."""
    services.fire_all_due()
