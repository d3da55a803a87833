"""The auditor finds every planted wrong, names it rightly, and leaves healthy books alone."""

import json
import re
from collections import Counter
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import InternalError, connection, transaction
from django.utils import timezone

from campusg.ids import new_id
from escrow import services as escrow
from orders.states import edges
from payments import services as payments
from sagas import books
from sagas.decide_disputed import decide_disputed
from sagas.manual import BY_HAND
from sagas.models import Pause, Run, RunStatus
from sagas.refund_order import refund_order
from sagas.repay_customer import repaid_otherwise
from tests.factories import an_order
from tests.sagas import (  # noqa: F401  (each registers its own)
    plantings,
    plantings_disputed,
    plantings_late,
    plantings_settled,
)
from tests.sagas.orders_at_rest import (
    a_cancelled_order,
    a_completed_order,
    a_created_order,
    a_part_paid_order,
    a_refunded_order,
    a_settled_order,
    an_unpaid_order,
    authorized,
)
from tests.sagas.planting import PLANTINGS, Planting, run, sql, unguard


def found() -> Counter[str]:
    """How many rows break each invariant. Other tests may have left some: only what a test adds
    is its own."""
    return Counter({v.invariant.name: v.count for v in books.violations()})


@pytest.mark.parametrize(
    "planting", PLANTINGS, ids=lambda p: f"{p.name.split()[0]}{p.plant.__name__}"
)
def test_a_planted_wrong_is_caught_by_name(db: None, planting: Planting) -> None:
    unguard()
    before = found()
    planting.plant()
    assert set(found() - before) == {planting.name} | planting.also


def test_every_invariant_has_a_planting_and_a_sentence() -> None:
    assert {i.name for i in books.invariants()} == {p.name for p in PLANTINGS}
    assert all(i.sentence.endswith(".") for i in books.invariants())


def test_orders_that_went_well_or_were_undone_break_nothing(db: None) -> None:
    before = found()
    a_created_order()
    a_cancelled_order()
    a_completed_order()
    an_unpaid_order()
    a_settled_order("card")
    a_settled_order("platform")
    a_part_paid_order()
    a_refunded_order()
    an_order()
    assert not found() - before


def test_what_a_live_run_still_works_at_is_not_wrong_yet(db: None) -> None:
    order = an_order()
    before = found()
    run(RunStatus.RUNNING, 4, key=order.id, wake_at=timezone.now())
    authorized(order)
    assert not found() - before
    Run.objects.filter(key=str(order.id)).update(
        status=RunStatus.COMPLETED, position=7, wake_at=None, ended_at=timezone.now()
    )
    assert set(found() - before) == {"I12 held money is booked once", "E04 run and order agree"}


def test_a_run_that_a_person_has_paused_is_not_stuck(db: None) -> None:
    before = found()
    run(RunStatus.RUNNING, 3, wake_at=timezone.now() - timedelta(hours=1), paused=Pause.SAGA)
    assert not found() - before
    Run.objects.filter(paused=Pause.SAGA).update(paused=Pause.NONE)
    assert set(found() - before) == {"E02 no run is stuck"}


def test_a_release_whose_answer_is_awaited_is_not_forgotten(db: None) -> None:
    order = an_order()
    authorized(order)
    before = found()
    payments.prepare_release(order_id=order.id)
    assert "I36 release is seen to" not in found() - before


def test_a_hold_that_was_put_back_leaves_the_books_in_order(db: None) -> None:
    order = a_created_order()
    before = found()
    escrow.cancel(order_id=order.id)
    # The books themselves are right; it is the open order that lacks its cover.
    assert set(found() - before) == {"I06 open order is covered"}


def test_a_uuid_of_digits_is_no_card_number(db: None) -> None:
    order = a_created_order()
    before = found()
    unguard()
    sql(
        "UPDATE events_outboxevent SET payload = payload ||"
        """ '{"note": "42424242-4242-4242-4242-424242424242"}' WHERE aggregateid = %(id)s""",
        id=order.id,
    )
    assert "I30 no card number at rest" not in found() - before


def test_the_edges_in_the_sql_are_those_of_the_code() -> None:
    (walk,) = [i for i in books.invariants() if i.name.startswith("I21")]
    assert set(re.findall(r"\('(\w+)', '(\w+)'\)", walk.sql)) == set(edges())


def test_the_acts_by_hand_in_the_sql_are_those_of_the_code() -> None:
    (by_hand,) = [i for i in books.invariants() if i.name.startswith("I29")]
    listed = re.search(r"saga IN \((.*?)\)", by_hand.sql, re.DOTALL)
    assert listed
    acts = {saga.name for saga in (*BY_HAND, refund_order, decide_disputed, repaid_otherwise)}
    assert set(re.findall(r"'(\w+)'", listed[1])) == acts


def test_all_thirty_two_of_the_reference_are_asked() -> None:
    assert {f"I{n:02}" for n in range(1, 33)} <= {i.number for i in books.invariants()}


def test_the_audit_sees_one_moment_and_can_change_nothing(committed_db: None) -> None:
    with books.snapshot(), connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone() == ("repeatable read",)
        books.violations()
        with pytest.raises(InternalError, match="read-only"), transaction.atomic():
            Run.objects.update(reason="changed by an audit")


def test_the_command_tells_the_rows_and_fails_until_they_are_mended(
    committed_db: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Alone, because the other tests of this run may have left what it would rightly report.
    (resting,) = [i for i in books.invariants() if i.name.startswith("E01")]
    monkeypatch.setattr(books, "invariants", lambda: (resting,))
    key = new_id()
    for saga in range(books.ROWS_SHOWN + 2):
        Run.objects.create(saga=f"audited_{saga}", key=str(key), status=RunStatus.COMPLETED)
    mine = Run.objects.filter(key=str(key))
    try:
        with pytest.raises(SystemExit) as exit_:
            call_command("verify_books")
        told = capsys.readouterr().out
        assert exit_.value.code == 1
        with pytest.raises(SystemExit):
            call_command("verify_books", "--only", "E01", "--json")
        (machines,) = json.loads(capsys.readouterr().out)
        assert (machines["name"], machines["count"]) == ("E01 ended run is at rest", 22)
        assert told.startswith("E01 ended run is at rest: 22 rows\n  A run that is over")
        assert told.count("run_id=") == books.ROWS_SHOWN
        assert "… and 2 more" in told
        assert told.endswith("1 violation\n")
        mine.update(ended_at=timezone.now())
        call_command("verify_books")
        assert capsys.readouterr().out == "0 violations\n"
        with pytest.raises(CommandError, match="There is no I99") as wrong:
            call_command("verify_books", "--only", "I99")
        assert wrong.value.returncode == 2
    finally:
        mine.delete()
