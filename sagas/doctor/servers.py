"""PostgreSQL and Valkey: settings that everything else rests on."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from sagas.doctor.lines import Line, fail, graded, ok, warn

#: PostgreSQL 15, as `server_version_num` says it.
OLDEST = 15_00_00
#: What a paused or careless process could otherwise hold up for ever.
_TIMEOUTS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


def database() -> Iterator[Line]:
    """Durable, bounded in time, and of a version that is maintained."""
    have = f"PostgreSQL {_setting('server_version')}"
    if int(_setting("server_version_num")) < OLDEST:
        yield fail("database", have, "Move to PostgreSQL 15 or newer.")
        return
    off = [name for name in ("fsync", "synchronous_commit", "full_page_writes") if _is_off(name)]
    unbounded = [name for name in _TIMEOUTS if _setting(name) == "0"]
    if off:
        yield fail("database", f"{have}, {', '.join(off)} off", "Turn it on: commits get lost.")
    elif unbounded:
        yield warn("database", f"{have}, no {', '.join(unbounded)}", "Set it in DATABASES.OPTIONS.")
    else:
        yield ok("database", f"{have}, durable, every wait bounded")


def migrations() -> Iterator[Line]:
    """The tables are those of this code."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        first = f"{missing[0][0].app_label}.{missing[0][0].name}"
        yield fail("migrations", f"{len(missing)} to do, from {first}", "manage.py migrate")
    else:
        yield ok("migrations", "all done")


def clock() -> Iterator[Line]:
    """Deadlines come from the database's clock; Stripe's signatures are checked by this one's."""
    with connection.cursor() as cursor:
        before = timezone.now()
        cursor.execute("SELECT clock_timestamp()")
        there = cursor.fetchone()[0]
        after = timezone.now()
    away = max((before - there).total_seconds(), (there - after).total_seconds(), 0.0)
    yield graded(
        "clock", away, f"{away:.1f} s from the database's", "Run a time service on both machines.",
        warn_at=2, fail_at=60,
    )  # fmt: skip


def broker() -> Iterator[Line]:
    """Valkey refuses rather than forgets, and keeps what it took over a restart."""
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=3, socket_connect_timeout=3, decode_responses=True
    ) as client:
        about = client.info()
        have = f"Valkey {about['valkey_version']}" if "valkey_version" in about else "Redis"
        have += f" at {urlsplit(settings.REDIS_URL).hostname}"
        policy = about["maxmemory_policy"]
        if policy != "noeviction":
            yield fail(
                "broker", f"{have}, {policy}", "maxmemory-policy noeviction: it drops messages."
            )
        elif not about["aof_enabled"]:
            yield warn(
                "broker", f"{have}, forgets at a restart",
                "appendonly yes. Nothing is lost without it, but every run waits for the sweep.",
            )  # fmt: skip
        else:
            yield ok("broker", f"{have}, noeviction, appendonly")
    yield _visibility()


def _visibility() -> Line:
    """A message is given to a second worker when the first has not answered for so long. That
    does no harm, but while a call is still under way it only makes work."""
    patience = settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
    longest = sum(settings.STRIPE_TIMEOUT_SECONDS)
    seen = f"{patience} s, the longest step {longest:.0f} s"
    if patience < 2 * longest:
        return warn("visibility timeout", seen, "Raise it to twice the longest step at least.")
    return ok("visibility timeout", seen)


def _is_off(name: str) -> bool:
    return _setting(name) == "off"


def _setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        value: str = cursor.fetchone()[0]
    return value
