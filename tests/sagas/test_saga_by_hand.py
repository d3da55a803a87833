"""`manage.py saga start` and `cancel`: nothing happens without --yes; refusals come either way."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from campusg.ids import new_id
from orders.models import Order
from sagas.models import Run, RunStatus
from tests.sagas.orders_at_rest import a_cancelled_order, a_created_order


def by_hand(*arguments: str) -> str:
    out = StringIO()
    call_command("saga", *arguments, stdout=out)
    return out.getvalue()


def cancellation(order: Order) -> list[str]:
    facts = {"order_id": str(order.id), "by": "ops", "reason": "the kitchen burned"}
    return ["start", "cancel_order", *(f"--fact={name}={value}" for name, value in facts.items())]


def test_a_saga_started_by_hand_is_only_shown_until_one_says_yes(db: None) -> None:
    order = a_created_order()
    shown = by_hand(*cancellation(order))
    assert "Nothing was done" in shown
    assert "payments.settle" in shown
    assert not Run.objects.filter(saga="cancel_order").exists()
    assert "Started" in by_hand(*cancellation(order), "--yes")
    assert Run.objects.get(saga="cancel_order").key == str(order.id)


def test_a_dry_run_meets_the_refusals_of_the_real_one(db: None) -> None:
    order = a_cancelled_order()
    with pytest.raises(CommandError, match="Refused"):
        by_hand(*cancellation(order))


def test_a_saga_is_given_exactly_what_it_asks_for(db: None) -> None:
    with pytest.raises(CommandError, match="--fact reason=") as refused:
        by_hand("start", "cancel_order", f"--fact=order_id={new_id()}")
    assert refused.value.returncode == 2
    with pytest.raises(CommandError, match="no saga cancel_everything"):
        by_hand("start", "cancel_everything")


def test_a_run_turned_round_by_hand_is_only_shown_until_one_says_yes(db: None) -> None:
    order = a_created_order()
    by_hand(*cancellation(order), "--yes")
    run = Run.objects.get(saga="cancel_order")
    with pytest.raises(CommandError, match="only goes forward"):
        by_hand("cancel", str(run.id), "--reason=second thoughts")
    placed = Run.objects.get(saga="create_order", key=str(order.id))
    Run.objects.filter(pk=placed.pk).update(status=RunStatus.RUNNING, position=4)
    assert "Nothing was done" in by_hand("cancel", str(placed.id), "--reason=second thoughts")
    assert Run.objects.get(pk=placed.pk).status == RunStatus.RUNNING
    by_hand("cancel", str(placed.id), "--reason=second thoughts", "--yes")
    turned = Run.objects.get(pk=placed.pk)
    assert (turned.status, turned.reason) == (RunStatus.COMPENSATING, "second thoughts")


def test_a_plan_shown_is_the_plan_done_or_nothing_is(db: None) -> None:
    order = a_created_order()
    by_hand(*cancellation(order), "--yes")
    run = Run.objects.get(saga="cancel_order")
    shown = by_hand("pause", str(run.id), "--reason=look first")
    plan = shown.split("--plan ")[1].split()[0]
    assert "Do not begin 4/8 payments.settle" in shown
    assert not Run.objects.get(pk=run.pk).paused
    Run.objects.filter(pk=run.pk).update(reason="moved")
    with pytest.raises(CommandError, match="plan_outdated"):
        by_hand("pause", str(run.id), "--reason=look first", f"--plan={plan}", "--yes")
    assert "Done" in by_hand("pause", str(run.id), "--reason=look first", "--yes")
    page = by_hand("show", str(run.id))
    assert "RUNNING (paused)" in page
    assert "look first" in page


def test_a_whole_saga_is_paused_and_resumed_by_hand(db: None) -> None:
    by_hand("pause", "--saga=cancel_order", "--reason=the bank is closed", "--yes")
    by_hand(*cancellation(a_created_order()), "--yes")
    run = Run.objects.get(saga="cancel_order")
    assert run.paused == "saga"
    assert "1 runs" in by_hand("resume", "--saga=cancel_order", "--reason=open again", "--yes")
    assert not Run.objects.get(pk=run.pk).paused


def test_a_hand_laid_on_nothing_or_with_nonsense_is_told_what_is_missing(db: None) -> None:
    order = a_created_order()
    by_hand(*cancellation(order), "--yes")
    run = str(Run.objects.get(saga="cancel_order").id)
    for arguments, sentence in (
        (["pause", "--reason=x"], "Name a run"),
        (["pause", "--saga=lunch", "--reason=x"], "There is no saga lunch"),
        (["edit", run, "--fact=food_due=a lot", "--reason=x"], "food_due=a lot is not JSON"),
    ):
        with pytest.raises(CommandError, match=sentence):
            by_hand(*arguments)
