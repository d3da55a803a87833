"""The janitor: whatever no run waits for any more is still found out, and undone if need be."""

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from campusg.conflicts import in_transaction
from payments import services
from payments.gateway import Reply
from payments.learning import answered
from payments.models import Operation
from payments.operations import Call
from sagas.engine.starting import announce

log = logging.getLogger(__name__)

#: A run looks into its own operation when it is due; the janitor comes later, for those whose
#: run has ended or whose message was lost.
GRACE = timedelta(seconds=30)
BATCH = 50


def hurry_due(limit: int = BATCH) -> int:
    """Send a worker to every operation that should have been looked into; how many."""
    with transaction.atomic():
        due = list(
            Operation.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(next_try_at__lte=Now() - GRACE * settings.STRIPE_RETRY_SCALE)
            .order_by("next_try_at")[:limit]
        )
        # Not again at the next tick: the worker sets the time that counts.
        Operation.objects.filter(pk__in=[one.pk for one in due]).update(
            next_try_at=Now() + GRACE * settings.STRIPE_RETRY_SCALE
        )
    for operation in due:
        try:
            resolve.apply_async((str(operation.payment_id),), queue="remote", retry=False)
        except (OperationalError, OSError) as error:
            log.warning("the janitor can't reach the broker: %s", error)
            break
    return len(due)


@shared_task(name="payments.resolve")
def resolve(payment_id: str) -> None:
    """Find out what became of a payment's unresolved operation; if its order no longer wants the
    money, release whatever turned up."""
    prepare = partial(services.prepare_resolution, payment_id=UUID(payment_id))
    call = in_transaction(prepare)
    while isinstance(call, Call):
        made, reply = call, services.perform(call)
        call = in_transaction(partial(_record, made, reply, prepare))
        # Whoever waits for it need not wait for its own next look.
        announce(answered(made.operation_id))


def _record(made: Call, reply: Reply, prepare: Callable[[], Any]) -> Any:
    """What was found and what follows from it commit together: a worker that dies in between must
    not leave a hold that nobody looks into."""
    return prepare() if services.record_resolution(made, reply) else None


@shared_task(name="payments.hurry_due")
def hurry_due_task() -> None:
    """Beat's tick; the workers' own threads do the same."""
    hurry_due()
