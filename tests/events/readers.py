"""Consumers for tests: what they do shows in the database, as an effect that can be counted."""

from collections.abc import Callable, Sequence
from uuid import UUID

from django.db import connection

from events.consumer import Runner
from events.envelope import Event
from events.inbox import Consumer
from tests.conftest import eventually
from tests.events.feed import Feed


def effects(order_id: UUID | str) -> list[int]:
    """The versions of an order's events that had their effect, in the order in which they had."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT version FROM test_effect WHERE order_id = %s ORDER BY id", [order_id]
        )
        return [version for (version,) in cursor.fetchall()]


def leave_a_mark(event: Event) -> None:
    """The effect: a row that nothing makes unique."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO test_effect (order_id, version) VALUES (%s, %s)",
            [event.order_id, event.version],
        )


def leave_marks(events: Sequence[Event]) -> None:
    """One for each."""
    for event in events:
        leave_a_mark(event)


def make_marks() -> None:
    """The table of the effects."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS test_effect"
            " (id bigserial PRIMARY KEY, order_id uuid, version int)"
        )


def consumer_of(feed: Feed, handle: Callable[[Event], object] = leave_a_mark) -> Consumer:
    """The feed's only consumer, which does this with one event after the other."""

    def each(events: Sequence[Event]) -> None:
        for event in events:
            handle(event)

    return Consumer(feed.group, feed.name, each)


def turned(runner: Runner, until: Callable[[], object]) -> None:
    """Let the runner work until something is so."""

    def so() -> object:
        runner.turn()
        return until()

    eventually(so)
