"""The sweep: looks for work that fell behind and publishes it again. Any number at once."""

import logging
from uuid import UUID

from django.db import connection, transaction
from kombu.exceptions import OperationalError

from campusg.points import Point, reach
from sagas.engine import publishing
from sagas.models import ACTIVE, Run

log = logging.getLogger(__name__)

BATCH = 500
#: With this many messages waiting nothing is lost, only late; more messages would not help.
QUEUE_LIMIT = 1000
#: As long as no more wait than this, the queue is filled up with runs in the background.
SHORT_QUEUE = 100
#: Messages a second that workers surely get through. A run that is late by less than they need
#: for all that waits is not behind: its own message waits among the others.
DRAINED = 50

# The CTE is MATERIALIZED so that the limit is taken once, whatever the planner thinks.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM sagas_run
    WHERE wake_at IS NOT NULL AND {which}
      AND wake_at <= now() - make_interval(secs => %(patience)s) AND status = ANY(%(active)s)
      AND paused = '' AND (lease_until IS NULL OR lease_until < now())
    ORDER BY {order} LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE sagas_run AS r
SET wake_at = now() + make_interval(secs => least(%(cap)s, power(2, least(r.sweeps, 10)))),
    sweeps = least(r.sweeps + 1, 1000), recovered = r.recovered + 1
FROM due WHERE r.id = due.id
RETURNING r.id
"""
_LATE = _CLAIM.format(which="NOT background", order="wake_at")
# In the order they came: those that have begun, and hold an order, are older than those behind.
_IN_BACKGROUND = _CLAIM.format(which="background", order="id")


def sweep() -> int:
    """Publish every run whose `wake_at` has passed; how many. Runs that stay still are looked at
    ever more rarely, or republishing what is merely queued would flood the workers. Runs in the
    background only fill up a short queue, so they are never many, however many there are."""
    try:
        waiting = publishing.queue_length()
        behind = publishing.queue_length(background=True)
    except (OperationalError, OSError) as error:
        log.warning("the sweep can't reach the broker: %s", error)
        return 0
    if waiting > QUEUE_LIMIT:
        return 0
    published = _publish(_claim(_LATE, waiting, BATCH))
    room = SHORT_QUEUE - waiting - behind
    if room > 0:
        published += _publish(_claim(_IN_BACKGROUND, waiting + behind, room))
    return published


def _claim(statement: str, waiting: int, limit: int) -> list[UUID]:
    """At most `limit` runs that are late even if `waiting` messages are before theirs."""
    values = {
        "patience": waiting / DRAINED,
        "cap": 2 if waiting < SHORT_QUEUE else 60,
        "active": list(map(str, ACTIVE)),
        "limit": limit,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]


def _publish(due: list[UUID]) -> int:
    published = 0
    for run in Run.objects.filter(pk__in=due).order_by("id"):
        reach(Point.SWEPT, run.pk)
        try:
            if not publishing.publish(run, retry=False):
                break
        except Exception:
            # Whatever is wrong with this run, those behind it are not to wait for it.
            log.exception("run %s could not be published", run.pk)
            continue
        published += 1
    return published
