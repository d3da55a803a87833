"""What beat calls: forget what has been kept long enough."""

from celery import shared_task
from django.core.management import call_command

from campusg.api.idempotency import purge

BATCH = 5_000


@shared_task(name="api.forget", ignore_result=True)
def forget() -> None:
    """Idempotency keys past their time, batch after batch, and refresh tokens that have expired."""
    while purge(BATCH) == BATCH:
        pass
    call_command("flushexpiredtokens")
