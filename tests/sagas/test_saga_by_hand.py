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
