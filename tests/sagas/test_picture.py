"""A saga can be read: as ten numbered lines, as a diagram, as a page that is never out of date."""

from pathlib import Path

import pytest
from django.core.management import call_command

from sagas.create_order import create_order
from sagas.engine import Saga, step
from sagas.engine.picture import aligned, lines, mermaid, table
from tests.conftest import ROOT
from tests.sagas.engine import toys


def test_create_order_is_ten_lines_each_event_right_after_its_step() -> None:
    assert [line.text for line in lines(create_order)] == [
        "users.get_customer",
        "orders.create",
        "order.pending_payment",
        "payments.authorize",
        "payment.authorized",
        "escrow.hold",
        "escrow.held",
        "orders.mark_created",
        "order.created",
        "scheduler.start_order_timeout",
    ]
    assert [line.number for line in lines(create_order)] == list(range(1, 11))


def test_a_line_says_what_takes_it_back_and_what_is_special_about_it() -> None:
    by_number = {line.number: line for line in lines(create_order)}
    assert (by_number[4].undo, by_number[4].marks) == ("payments.release", "calls out")
    assert by_number[10].marks == "optional"
    # An event is a record of its step: it has neither undo nor marks of its own.
    assert (by_number[5].undo, by_number[5].marks) == ("", "")
    assert [line.marks for line in lines(toys.pivot_saga)] == ["", "pivot", ""]


def test_the_table_stands_in_columns() -> None:
    name, *rows = table(create_order).splitlines()
    assert name == "create_order"
    assert len(rows) == 10
    arrows = {row.index("<-") for row in rows if "<-" in row}
    assert len(arrows) == 1
    assert rows[3].split() == ["4", "payments.authorize", "<-", "payments.release", "calls", "out"]


def test_the_diagram_goes_forward_through_every_line_and_back_through_every_undo() -> None:
    drawn = mermaid(create_order).splitlines()
    assert drawn[0] == "flowchart TD"
    forward = [f"    s{n} --> s{n + 1}" for n in range(1, 10)]
    assert [row for row in drawn if row in forward] == forward
    assert "    u6 -.-> u4" in drawn
    assert "    u2 -.-> undone((COMPENSATED))" in drawn


def test_a_saga_without_compensations_has_no_way_back() -> None:
    assert "COMPENSATED" not in mermaid(Saga("forward", step(toys.learn), given=toys.Given))


def test_columns_are_as_wide_as_their_widest_cell_and_nothing_is_no_line() -> None:
    assert aligned([("a", "bb", "c"), ("aaa", "b", "")]) == ["a    bb  c", "aaa  b"]
    assert aligned([]) == []


def test_the_page_in_docs_is_the_code_s_own(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("sagas", "--markdown")
    page = Path(ROOT / "docs" / "sagas.md").read_text()
    assert page == capsys.readouterr().out, "run: python manage.py sagas --markdown > docs/sagas.md"
