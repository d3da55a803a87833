"""The sweep: looks for work that fell behind and publishes it again. Any number at once."""

import logging

from django.db import connection, transaction
from kombu.exceptions import OperationalError

from sagas.engine import publishing
from sagas.models import ACTIVE, Run

log = logging.getLogger(__name__)

BATCH = 500
#: With this many messages waiting nothing is lost, only late; more messages would not help.
QUEUE_LIMIT = 1000
SHORT_QUEUE = 100
#: Messages a second that workers surely get through. A run that is late by less than they need
#: for all that waits is not behind: its own message waits among the others.
DRAINED = 50

_CLAIM = """
UPDATE sagas_run AS r
SET wake_at = now() + make_interval(secs => least(%(cap)s, power(2, least(r.sweeps, 10)))),
    sweeps = least(r.sweeps + 1, 1000), recovered = r.recovered + 1
FROM (SELECT id FROM sagas_run
      WHERE wake_at <= now() - make_interval(secs => %(patience)s) AND status = ANY(%(active)s)
        AND paused = '' AND (lease_until IS NULL OR lease_until < now())
      ORDER BY wake_at LIMIT %(limit)s
      FOR UPDATE SKIP LOCKED) AS due
WHERE r.id = due.id
RETURNING r.id
"""


def sweep(limit: int = BATCH) -> int:
    """Publish every run whose `wake_at` has passed; how many. Runs that stay still are looked at
    ever more rarely, or republishing what is merely queued would flood the workers."""
    try:
        waiting = publishing.queue_length()
    except (OperationalError, OSError) as error:
        log.warning("the sweep can't reach the broker: %s", error)
        return 0
    if waiting > QUEUE_LIMIT:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cap = 2 if waiting < SHORT_QUEUE else 60
        cursor.execute(
            _CLAIM,
            {
                "patience": waiting / DRAINED,
                "cap": cap,
                "active": list(map(str, ACTIVE)),
                "limit": limit,
            },
        )
        due = [row[0] for row in cursor.fetchall()]
    published = 0
    for run in Run.objects.filter(pk__in=due, status__in=ACTIVE):
        try:
            if not publishing.publish(run, retry=False):
                break
        except Exception:
            # Whatever is wrong with this run, those behind it are not to wait for it.
            log.exception("run %s could not be published", run.pk)
            continue
        published += 1
    return published
