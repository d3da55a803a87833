"""How to break the books on purpose: past every guard, in a transaction that is rolled back."""

from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from campusg.ids import new_id
from escrow.chart import NATURES, Code
from escrow.models import Account, Journal
from sagas.models import Run, RunStatus


class Planting(NamedTuple):
    """What is done to the data, and which other invariants can't but notice it too."""

    name: str
    plant: Callable[[], None]
    also: frozenset[str]


PLANTINGS: list[Planting] = []


def breaks(name: str, *also: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def register(plant: Callable[[], None]) -> Callable[[], None]:
        PLANTINGS.append(Planting(name, plant, frozenset(also)))
        return plant

    return register


def sql(statement: str, **values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def unguard() -> None:
    """Until the transaction ends: no triggers, no foreign keys, and not these rules."""
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("SET LOCAL session_replication_role = replica")
    sql("ALTER TABLE orders_order DROP CONSTRAINT orders_shares_add_up")
    sql("ALTER TABLE orders_order DROP CONSTRAINT orders_runner_where_needed")
    sql("DROP INDEX one_live_operation")


def journal(*legs: tuple[str, UUID | None, str, int], reverses: int | None = None) -> int:
    """A journal of (code, order, side, amount) legs in pending USD, judged by nobody."""
    written = Journal.objects.create(key=f"planted:{new_id()}", kind="hold", reverses_id=reverses)
    for code, order_id, side, amount in legs:
        nature = NATURES[Code(code)]._asdict()
        owner = None if order_id else new_id()
        account = Account.objects.create(
            code=code, order_id=order_id, owner=owner, currency="USD", **nature
        )
        written.entries.create(
            account=account, layer="pending", side=side, amount=amount, currency="USD"
        )
    return written.pk


def run(
    status: RunStatus,
    position: int,
    key: UUID | None = None,
    saga: str = "create_order",
    **other: Any,
) -> None:
    Run.objects.create(
        saga=saga, key=str(key or new_id()), status=status, position=position, **other
    )
