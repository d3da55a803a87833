"""Starting toy runs and looking at what they left behind."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from sagas.engine import Saga
from sagas.engine.starting import enqueue
from sagas.models import ACTIVE, Run, RunStatus
from tests.conftest import eventually
from tests.sagas.engine import toys


class Toy:
    """One toy run, from its start to where it rests."""

    def __init__(self, saga: Saga, **script: str) -> None:
        self.token = uuid4().hex
        with transaction.atomic():
            self.id = enqueue(saga, self.token, token=self.token, script=script).pk

    @property
    def run(self) -> Run:
        return Run.objects.get(pk=self.id)

    def rests(self, within: float = 45.0) -> Run:
        """The run once the engine has nothing more to do with it."""
        eventually(lambda: self.run.status not in ACTIVE, within=within)
        return self.run

    def effects(self) -> list[str]:
        """What was committed, in order."""
        return names_in("toy_effect", self.token)

    def tries(self) -> list[str]:
        """What was attempted, committed or not."""
        return names_in("toy_try", self.token)

    def remote(self) -> dict[str, str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, state FROM toy_remote WHERE token = %s", [self.token])
            return dict(cursor.fetchall())

    def timeline(self) -> list[tuple[str, str, str]]:
        return [(s.direction, s.participant, s.state) for s in self.run.steps.all()]


def names_in(table: str, token: str) -> list[str]:
    """What the steps of the token's run have left in a table of the toys."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT name FROM {table} WHERE token = %s ORDER BY id", [token])
        return [row[0] for row in cursor.fetchall()]


def change(toy: Toy, **fields: Any) -> Run:
    """Say of a run what time or a worker would have made of it; the run afterwards."""
    Run.objects.filter(pk=toy.id).update(**fields)
    return toy.run


def park(*toys_: Toy) -> None:
    """A person was called for them."""
    for one in toys_:
        change(one, status=RunStatus.PARKED, wake_at=None, lease_until=None)


@pytest.fixture(scope="session")
def toy_tables(django_db_setup: None, django_db_blocker: object) -> None:
    with django_db_blocker.unblock(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(toys.TABLES)


@pytest.fixture
def toy(committed_db: None, toy_tables: None) -> Callable[..., Toy]:
    """Start a toy run; a worker, if there is one, runs it."""
    return Toy
