"""Deliveries are brought by workers: beat asks for it, and so does each worker's own pulse."""

import logging

from celery import shared_task
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from notifications import services
from notifications.models import Delivery

log = logging.getLogger(__name__)

#: A message that has waited so long is not needed: the next tick has sent another.
EXPIRES_SECONDS = 5


@shared_task(name="notifications.bring_due", ignore_result=True)
def bring_due() -> None:
    """Send what is due. It waits for the network, so it belongs in the queue `remote`."""
    services.bring_due()


def hurry_due() -> bool:
    """Send a worker if anything is due; whether something was. Any number may be sent: each
    delivery is claimed by one."""
    due = Delivery.objects.filter(next_try_at__lte=Now()).exists()
    if due:
        try:
            bring_due.apply_async(queue="remote", expires=EXPIRES_SECONDS, retry=False)
        except (OperationalError, OSError) as error:
            log.warning("Nobody can be sent with the post, the broker is away: %s", error)
    return due


@shared_task(name="notifications.hurry_due", ignore_result=True)
def hurry_due_task() -> None:
    """Beat's tick; the workers' own threads do the same."""
    hurry_due()
