"""Toy sagas whose steps do as their run's `script` says, so that the engine can be watched alone.

Effects are rows in `toy_effect`, written in the step's transaction. Tries are rows in `toy_try`,
written on a connection of their own: they stay even when the step's transaction does not.
"""

import threading
import time
from datetime import timedelta
from typing import Any, NamedTuple, TypedDict

import psycopg2
from django.db import connection
from django.utils import timezone

from campusg.errors import Refused
from sagas.engine import Again, Retry, Saga, Unknown, Waiting, participant, remote_participant, step
from sagas.engine.tasks import register

QUICK = Retry(tries=3, first_seconds=0.05)


class ToyRefused(Refused):
    """The script says no."""


class Given(TypedDict):
    token: str
    script: dict


class Learnt(TypedDict):
    learnt: int


TABLES = """
CREATE TABLE IF NOT EXISTS toy_effect (id bigserial, token text, name text);
CREATE TABLE IF NOT EXISTS toy_try (id bigserial, token text, name text);
CREATE TABLE IF NOT EXISTS toy_remote (token text, name text, key text PRIMARY KEY, state text);
"""

_own = threading.local()


def _is_open() -> bool:
    """Another test may have had the server drop it."""
    try:
        _own.connection.cursor().execute("SELECT 1")
    except (AttributeError, psycopg2.Error):
        return False
    return True


def own_cursor() -> Any:
    """A connection outside Django's transactions: the toy's network."""
    if not _is_open():
        one = connection.settings_dict
        _own.connection = psycopg2.connect(
            host=one["HOST"], port=one["PORT"], user=one["USER"], password=one["PASSWORD"],
            dbname=one["NAME"],
        )  # fmt: skip
        _own.connection.autocommit = True
    return _own.connection.cursor()


def play(name: str, token: str, script: dict) -> None:
    """Leave the traces of a step, and do what the script says about it.

    `refuse`; `break` (always) or `break:2` (the first two tries); `sleep:0.5`.
    """
    with own_cursor() as cursor:
        cursor.execute("INSERT INTO toy_try (token, name) VALUES (%s, %s)", [token, name])
        cursor.execute("SELECT count(*) FROM toy_try WHERE token = %s AND name = %s", [token, name])
        tries = cursor.fetchone()[0]
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO toy_effect (token, name) VALUES (%s, %s)", [token, name])
    act, _, value = script.get(name, "").partition(":")
    if act == "refuse":
        raise ToyRefused(f"{name} says no")
    if act == "break" and (not value or tries <= int(value)):
        raise RuntimeError(f"{name} broke")
    if act == "sleep":
        time.sleep(float(value))


def _local(name: str, *, refuses: Any = ToyRefused) -> Any:
    def function(*, token: str, script: dict) -> None:
        play(name, token, script)

    function.__name__ = name
    return participant(refuses=refuses, retry=QUICK)(function)


a, b, c, d = (_local(name) for name in "abcd")
undo_a, undo_b, undo_c, undo_timer = (
    _local(name, refuses=()) for name in ("undo_a", "undo_b", "undo_c", "undo_timer")
)
after = _local("after", refuses=())


@participant(retry=QUICK)
def learn(*, token: str, script: dict) -> Learnt:
    play("learn", token, script)
    return {"learnt": 41}


@participant(retry=QUICK)
def use(*, token: str, script: dict, learnt: int) -> None:
    play(f"use:{learnt}", token, script)


class Call(NamedTuple):
    name: str
    token: str
    key: str
    act: str


def remote_call(call: Call) -> dict:
    """The toy's network: honours keys as Stripe does, and misbehaves as the script says."""
    with own_cursor() as cursor:
        if call.act.startswith("late:"):
            time.sleep(float(call.act.partition(":")[2]))
        cursor.execute(
            "INSERT INTO toy_remote (token, name, key, state) VALUES (%s, %s, %s, 'on')"
            " ON CONFLICT (key) DO NOTHING",
            [call.token, call.name, call.key],
        )
        fresh = cursor.rowcount == 1
        if call.act == "crash":
            raise RuntimeError("the call broke, and nobody knows where")
        if call.name == "unremote":
            cursor.execute(
                "UPDATE toy_remote SET state = 'off' WHERE token = %s AND name = 'remote'",
                [call.token],
            )
    return {"lost": fresh and call.act == "lose"}


def _prepared(name: str, token: str, script: dict) -> Call:
    play(name, token, script)
    if script.get(name) == "needless":
        return ToyRefused("nothing to call for")
    return Call(name, token, f"{token}:{name}", script.get(name, ""))


def _recorded(call: Call, reply: dict) -> Any:
    with own_cursor() as cursor:
        cursor.execute(
            "INSERT INTO toy_try (token, name) VALUES (%s, %s)",
            [call.token, f"recorded {call.name}"],
        )
    if call.act == "decline":
        return ToyRefused("declined far away")
    if reply["lost"]:
        return Unknown(timezone.now() + timedelta(seconds=0.1), "the reply was lost")
    return {}


@remote_participant(refuses=ToyRefused, retry=QUICK)
def remote(*, token: str, script: dict) -> Any:
    return _prepared("remote", token, script)


remote.call(remote_call)
remote.record(_recorded)


@remote_participant(retry=QUICK)
def unremote(*, token: str, script: dict) -> Any:
    """The tombstone, then the undo: `remote` is sent once more under its own key first."""
    with own_cursor() as cursor:
        cursor.execute("SELECT 1 FROM toy_remote WHERE token = %s AND name = 'remote'", [token])
        if cursor.fetchone() is None:
            return _prepared("remote", token, {**script, "remote": ""})
    return _prepared("unremote", token, script)


unremote.call(remote_call)


@unremote.record
def _unremote_recorded(call: Call, reply: dict) -> Any:
    return Again() if call.name == "remote" else _recorded(call, reply)


@remote_participant(retry=QUICK)
def wait(*, token: str, script: dict) -> Any:
    return _prepared("wait", token, script)


wait.call(remote_call)


@wait.record
def _wait_recorded(call: Call, reply: dict) -> Any:
    with own_cursor() as cursor:
        cursor.execute("SELECT 1 FROM toy_try WHERE token = %s AND name = 'go'", [call.token])
        if cursor.fetchone():
            return {}
    return Waiting("go", timezone.now() + timedelta(seconds=60))


def promised(*, token: str, script: dict, completed: bool) -> int:
    """Out of place by as many minor units as the script says."""
    return int(script.get("difference", 0))


local_saga = Saga(
    "toy_local",
    step(a, compensate=undo_a),
    step(b, compensate=undo_b),
    step(c, compensate=undo_c),
    step(d),
    given=Given,
    promise=promised,
)
facts_saga = Saga("toy_facts", step(learn), step(use), given=Given)
remote_saga = Saga(
    "toy_remote",
    step(a, compensate=undo_a),
    step(remote, compensate=unremote),
    step(b, compensate=undo_b),
    step(c),
    given=Given,
)
optional_saga = Saga(
    "toy_optional", step(a, compensate=undo_a), step(b, optional=True), step(c), given=Given
)
pivot_saga = Saga(
    "toy_pivot", step(a, compensate=undo_a), step(b, pivot=True), step(after), given=Given
)
far_pivot_saga = Saga(
    "toy_far_pivot", step(a, compensate=undo_a), step(remote, pivot=True), step(after), given=Given
)
timer_saga = Saga(
    "toy_timer",
    step(a, compensate=undo_timer, undo_after_failure=True),
    step(b, compensate=undo_b),
    step(c),
    given=Given,
)
undone_far_saga = Saga("toy_undone_far", step(a, compensate=unremote), step(b), given=Given)
wait_saga = Saga("toy_wait", step(a, compensate=undo_a), step(wait), step(c), given=Given)

for saga in (
    local_saga, facts_saga, remote_saga, optional_saga, pivot_saga, far_pivot_saga,
    timer_saga, undone_far_saga, wait_saga,
):  # fmt: skip
    register(saga)
