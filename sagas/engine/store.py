"""A run's row and its log in SQL: all that every step reads and writes.

By hand, because Django takes longer to compose these statements, each time anew, than PostgreSQL
takes to run them.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from events.hints import tell
from sagas.models import LIVE, Pause, Run, StepLog, StepState

#: The channel on which it is told that a run has moved.
HINTED = "run"

_COLUMNS = tuple(field.attname for field in Run._meta.concrete_fields)
_SAVED = (
    "status", "paused", "position", "epoch", "fence", "lease_until", "wake_at", "not_before",
    "attempt", "sweeps", "waits_for", "facts", "reason", "remedy", "undo_failed", "amount_at_risk",
    "currency", "changed_at", "ended_at",
)  # fmt: skip
# A run of a paused saga is born paused, and who resumes the saga waits until it can be seen; one
# that is born while its saga is being paused is held back soon after.
_PAUSED = f"""
CASE WHEN EXISTS (SELECT FROM sagas_pausedsaga AS p WHERE p.saga = new.saga FOR KEY SHARE)
     THEN '{Pause.SAGA}' ELSE '' END
"""
_INSERT = f"""
INSERT INTO sagas_run (id, saga, key, status, paused, position, epoch, fence, attempt, sweeps,
                       recovered, waits_for, facts, given_digest, fingerprint, reason, remedy,
                       undo_failed, amount_at_risk, currency, background, wake_at)
SELECT new.id, new.saga, new.key, 'RUNNING', {_PAUSED}, 1, 1, 0, 0, 0, 0, '', new.facts,
       new.digest, new.fingerprint, '', '', false, 0, '', false, now() + new.grace
FROM (VALUES (%s::uuid, %s, %s, %s::jsonb, %s, %s, %s::interval))
     AS new(id, saga, key, facts, digest, fingerprint, grace)
ON CONFLICT (saga, key) WHERE status IN ({", ".join(f"'{status}'" for status in LIVE)}) DO NOTHING
RETURNING {", ".join(_COLUMNS)}, statement_timestamp()
"""
_INSERT_MANY = f"""
INSERT INTO sagas_run (id, saga, key, status, paused, position, epoch, fence, attempt, sweeps,
                       recovered, waits_for, facts, given_digest, fingerprint, reason, remedy,
                       undo_failed, amount_at_risk, currency, background, wake_at)
SELECT new.id, new.saga, new.key, 'RUNNING', {_PAUSED}, 1, 1, 0, 0, 0, 0, '', new.facts,
       new.digest, new.fingerprint, '', '', false, 0, '', true, now()
FROM (SELECT %s::text AS saga, %s::text AS fingerprint, many.*
      FROM unnest(%s::uuid[], %s::text[], %s::jsonb[], %s::text[]) AS many(id, key, facts, digest)
     ) AS new
ON CONFLICT (saga, key) WHERE status IN ({", ".join(f"'{status}'" for status in LIVE)}) DO NOTHING
"""
_LOCK = (
    f"SELECT {', '.join(_COLUMNS)}, statement_timestamp() FROM sagas_run WHERE id = %s FOR UPDATE"
)
_SAVE = f"UPDATE sagas_run SET {', '.join(f'{column} = %s' for column in _SAVED)} WHERE id = %s"
_LOG = """
INSERT INTO sagas_steplog (run_id, position, direction, participant, state, attempt, error,
                           started_at, ended_at)
VALUES {lines}
ON CONFLICT (run_id, position, direction) DO UPDATE
SET state = excluded.state, attempt = excluded.attempt, error = excluded.error,
    ended_at = excluded.ended_at
"""
_LINE = "(%s, %s, %s, %s, %s, %s, %s, %s, CASE WHEN %s THEN statement_timestamp() END)"


def insert_run(
    run_id: UUID,
    saga: str,
    key: str,
    facts: dict[str, Any],
    digest: str,
    fingerprint: str,
    grace: timedelta,
) -> Run | None:
    """A new run, which the sweep leaves alone for `grace`; None when one of that key is live."""
    return _run(_INSERT, run_id, saga, key, _json(facts), digest, fingerprint, grace)


def insert_runs(
    saga: str, fingerprint: str, rows: Sequence[tuple[UUID, str, dict[str, Any], str]]
) -> int:
    """New runs of one saga as (id, key, facts, digest), in the background; how many had no live
    run."""
    if not rows:
        return 0
    ids, keys, facts, digests = zip(*rows, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT_MANY,
            [saga, fingerprint, list(map(str, ids)), list(keys), list(map(json.dumps, facts)),
             list(digests)],
        )  # fmt: skip
        inserted: int = cursor.rowcount
    return inserted


def lock_run(run_id: UUID) -> Run | None:
    """The run, its row locked until the transaction ends, with the database's clock as `db_now`."""
    return _run(_LOCK, run_id)


def save(run: Run) -> None:
    """Write the run back; its row is locked."""
    run.changed_at = run.db_now
    values = {name: getattr(run, name) for name in _SAVED} | {"facts": _json(run.facts)}
    with connection.cursor() as cursor:
        cursor.execute(_SAVE, [*values.values(), run.pk])
    tell(HINTED, run.pk)


def write_log(lines: Sequence[StepLog]) -> None:
    """One statement for all lines; a line that is there already gets its newer state."""
    if not lines:
        return
    values = [
        value
        for one in lines
        for value in (
            one.run_id, one.position, one.direction, one.participant, one.state, one.attempt,
            one.error, one.started_at, one.state != StepState.STARTED,
        )
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_LOG.format(lines=", ".join([_LINE] * len(lines))), values)


def _run(statement: str, *values: Any) -> Run | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
    if row is None:
        return None
    run = Run.from_db(connection.alias, _COLUMNS, row[:-1])
    run.facts, run.db_now = json.loads(run.facts), row[-1]
    return run


def _json(facts: dict[str, Any]) -> Any:
    return connection.ops.adapt_json_value(facts, None)
