"""Old rows go, each kind by its setting; nothing that is live, and nothing the books rest on."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.functions import Now

from campusg.ids import new_id
from events.models import InboxEvent, OutboxEvent
from orders.models import Order
from sagas.books import violations
from sagas.models import Run, RunStatus, StepLog
from sagas.purging import BATCH, delete_runs, purge_all
from tests.sagas.orders_at_rest import a_completed_order, a_created_order

pytestmark = pytest.mark.django_db


def purged() -> dict[str, int]:
    """How many rows went, by their kind."""
    return {one.name: gone for one, gone in purge_all()}


def aged(order: Order, days: int) -> None:
    """Everything that the order's runs ended is so old."""
    runs = Run.objects.filter(key__startswith=str(order.id), ended_at__isnull=False)
    assert runs.update(ended_at=Now() - timedelta(days=days)) > 0


def runs_of(order: Order) -> int:
    return Run.objects.filter(key__startswith=str(order.id)).count()


def test_runs_that_ended_long_ago_go_with_their_timelines_and_the_books_stay_right() -> None:
    old, recent = a_completed_order(), a_completed_order()
    aged(old, 366)
    aged(recent, 364)
    kept = runs_of(recent)
    assert purged()["runs"] > 0
    assert (runs_of(old), runs_of(recent)) == (0, kept)
    assert not StepLog.objects.exclude(run__in=Run.objects.all()).exists()
    assert violations() == []


def test_while_a_run_about_an_order_is_live_all_of_its_runs_stay() -> None:
    order = a_created_order()
    aged(order, 1000)
    Run.objects.create(
        saga="cancel_order", key=f"{order.id}", status=RunStatus.PARKED, given_digest="",
        fingerprint="",
    )  # fmt: skip
    before = runs_of(order)
    purged()
    assert runs_of(order) == before > 1


def test_a_batch_deletes_no_more_than_it_is_told_to() -> None:
    for _ in range(3):
        Run.objects.create(
            saga="pay_out", key=str(new_id()), status=RunStatus.COMPLETED, given_digest="",
            fingerprint="", ended_at=Now() - timedelta(days=400),
        )  # fmt: skip
    assert delete_runs(365, 2) == 2
    assert delete_runs(365, BATCH) == 1


def test_the_inbox_lets_go_of_what_the_outbox_let_go_of_but_not_of_the_latest() -> None:
    order_id = new_id()
    long_ago: dict[str, Any] = {"handled_at": Now() - timedelta(days=91)}
    rows = [
        InboxEvent.objects.create(
            consumer="books", event_id=new_id(), order_id=order_id, version=version,
            type="order.created", **long_ago,
        )
        for version in (1, 2, 3)
    ]  # fmt: skip
    OutboxEvent.objects.create(
        id=rows[1].event_id, aggregatetype="order", aggregateid=order_id, aggversion=2,
        type="order.created", payload={},
    )  # fmt: skip
    assert purged()["inbox"] == 1
    left = InboxEvent.objects.filter(order_id=order_id).values_list("version", flat=True)
    assert sorted(left) == [2, 3]


def test_the_command_says_what_went() -> None:
    out = StringIO()
    call_command("purge", stdout=out)
    assert "runs: 0 older than 365 days deleted" in out.getvalue()
