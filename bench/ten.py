"""Ten steps that write a row each: as a saga, as a saga refused at step 7, as a Celery chain."""

from typing import Any, TypedDict
from uuid import uuid4

from celery import Signature, chain, shared_task
from django.db import connection, transaction

from campusg.errors import Refused
from sagas.engine import Saga, participant, step
from sagas.engine.participant import Participant
from sagas.engine.starting import enqueue
from sagas.engine.tasks import register

STEPS = 10
REFUSED_AT = 7
GOOD = tuple(range(1, STEPS + 1))
#: In a plain chain step 0 is the one that raises.
BAD = (*range(1, REFUSED_AT), 0, *range(REFUSED_AT + 1, STEPS + 1))

# The index holds one row a run, its last; counting them says how many have ended.
_TABLES = """
CREATE TABLE IF NOT EXISTS bench_effect (token text NOT NULL, step smallint NOT NULL);
CREATE INDEX IF NOT EXISTS bench_last ON bench_effect (token) WHERE step IN (10, -1);
CREATE EXTENSION IF NOT EXISTS pg_walinspect;
"""


class Token(TypedDict):
    token: str


class NotThisOne(Refused):
    """What step 7 says."""


def write(token: str, number: int) -> None:
    """The effect of a step, the same for everybody: one row; undone, one row with a minus."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_effect (token, step) VALUES (%s, %s)", [token, number])


def _step(number: int, name: str) -> Participant:
    def function(*, token: str) -> None:
        write(token, number)

    function.__name__ = name
    return participant()(function)


@participant(refuses=NotThisOne)
def refuse(*, token: str) -> None:
    """Say no."""
    raise NotThisOne("not this one")


does = [_step(number, f"do_{number}") for number in GOOD]
undoes = [_step(-number, f"undo_{number}") for number in range(1, REFUSED_AT)]

bench_ten = Saga("bench_ten", *map(step, does), given=Token)
bench_undo = Saga(
    "bench_undo",
    *(step(do, compensate=undo) for do, undo in zip(does, undoes, strict=False)),
    step(refuse),
    *map(step, does[REFUSED_AT:]),
    given=Token,
)
register(bench_ten)
register(bench_undo)


@shared_task(name="bench.plain", throws=(NotThisOne,))
def plain(token: str, number: int) -> None:
    """A step as a plain task: the same row, and nothing that remembers that it was done."""
    if number == 0:
        raise NotThisOne("not this one")
    write(token, number)


@shared_task(name="bench.plain_undo")
def plain_undo(token: str) -> None:
    """The errback of a plain chain: another chain, which takes back six steps."""
    chain(*(_plain(token, -number) for number in range(REFUSED_AT - 1, 0, -1))).apply_async()


def start_run(saga: str) -> str:
    """Start a run and leave every step to the workers; its token."""
    token = uuid4().hex
    enqueue(Saga.registry[saga], token, token=token)
    return token


def start_chain(numbers: tuple[int, ...]) -> str:
    """Publish these steps as a plain chain; its token."""
    token = uuid4().hex
    errback = plain_undo.si(token).set(queue="local")
    chain(*(_plain(token, number) for number in numbers)).apply_async(link_error=errback)
    return token


def write_alone(commits: int) -> str:
    """Write what ten steps write and nothing else, in one commit or in ten; its token."""
    token = uuid4().hex
    if commits == 1:
        with transaction.atomic():
            for number in GOOD:
                write(token, number)
    else:
        for number in GOOD:
            write(token, number)
    return token


def ended() -> int:
    """How many have written their last row."""
    return _one("SELECT count(*) FROM bench_effect WHERE step IN (10, -1)")


def has_ended(token: str) -> bool:
    """Whether this one has."""
    return bool(
        _one("SELECT count(*) FROM bench_effect WHERE step IN (10, -1) AND token = %s", token)
    )


def make_tables() -> None:
    """The rows that steps write, and the reader of the write-ahead log."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)


def _one(query: str, *values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return int(cursor.fetchone()[0])


def _plain(token: str, number: int) -> Signature:
    return plain.si(token, number).set(queue="local")
