"""Hints: who waits for news of an order is told by PostgreSQL once it is committed (ADR 12)."""

from uuid import UUID

from django.db import connection, transaction

# A transaction that notifies holds a lock on the whole database until its commit is on the disk,
# so that writers who notified would commit one after the other. Hence a transaction of its own,
# which waits for no disk: nothing is lost with it but some milliseconds.
_NOTIFY = """
    WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
    SELECT pg_notify('campusg_' || hint.channel, hint.key)
      FROM quick, unnest(%s::text[], %s::text[]) AS hint (channel, key)
"""


class _Hints:
    """What one transaction has to tell, each thing once. Called when it is committed."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, str], None] = {}

    def __call__(self) -> None:
        channels, keys = zip(*self.told, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(_NOTIFY, [list(channels), list(keys)])


def tell(channel: str, key: UUID) -> None:
    """Once the present transaction is committed, `NOTIFY campusg_<channel>` with this key.

    A hint may get lost; whoever listens looks for itself now and then, too.
    """
    # One callback a transaction. It goes with the savepoint that it was registered in, as then
    # does everything that was told since.
    for waiting in connection.run_on_commit:
        callback = waiting[1]
        if isinstance(callback, _Hints):
            callback.told[channel, str(key)] = None
            return
    hints = _Hints()
    hints.told[channel, str(key)] = None
    # Robust: what is committed is committed, whether or not anybody hears of it.
    transaction.on_commit(hints, robust=True)
