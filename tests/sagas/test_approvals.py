"""Above a limit money is moved by hand by two: who does it, and somebody else who agreed before."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from orders.models import Order
from orders.states import OrderStatus
from sagas import approvals
from sagas.models import Action, Run, RunStatus
from tests.api.conftest import Client, problem
from tests.api.world import a_runner, delivered
from tests.factories import a_customer, a_person
from users.models import Role, User

pytestmark = pytest.mark.django_db
WHY = {"reason": "it was parked"}


@pytest.fixture(autouse=True)
def limits(settings: Any) -> Any:
    """Every order here is above it."""
    settings.MONEY_BY_HAND_LIMITS = {"USD": 1000}
    return settings


@pytest.fixture
def order() -> Order:
    return delivered(a_customer(), a_runner(), OrderStatus.DELIVERED)


def an_operator() -> User:
    return a_person(Role.OPS)


def take(order: Order, who: User) -> Any:
    return Client(who).send("POST", "/api/payments/capture", {"order_id": str(order.id), **WHY})


def agree(order: Order, who: User, move: str = "capture_payment") -> Any:
    body = {"order_id": str(order.id), "move": move, **WHY}
    return Client(who).send("POST", "/api/approvals", body)


def test_nobody_moves_so_much_alone_and_each_is_told_what_to_do(order: Order) -> None:
    alone = problem(take(order, an_operator()), 409, "second_person_needed")
    assert "10.00 USD" in alone["detail"]
    assert "POST /api/approvals" in alone["detail"]
    assert not Run.objects.filter(key=str(order.id), saga="capture_payment").exists()


@pytest.mark.fault(39)
def test_who_agreed_may_not_do_it_and_whoever_else_may_once(order: Order) -> None:
    first, second = an_operator(), an_operator()
    told = agree(order, second)
    assert told.status_code == 201, told.content
    assert (told.json()["amount"], told.json()["currency"]) == (order.total, "USD")
    problem(take(order, second), 409, "second_person_needed")
    assert take(order, first).status_code == 202
    run = Run.objects.get(key=str(order.id), saga="capture_payment")
    assert run.facts["approval_id"] == told.json()["id"]
    # It comes to nothing: who wants to try again asks anew.
    Run.objects.filter(pk=run.pk).update(status=RunStatus.COMPENSATED)
    problem(take(order, first), 409, "second_person_needed")
    agree(order, second)
    assert take(order, first).status_code == 202


def test_an_agreement_is_for_one_move_of_one_order_and_for_a_day(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = an_operator(), an_operator()
    agree(order, second, "release_escrow")
    agree(delivered(a_customer(), a_runner(), OrderStatus.DELIVERED), second)
    problem(take(order, first), 409, "second_person_needed")
    agree(order, second)
    with monkeypatch.context() as later:
        later.setattr(approvals, "GOOD_FOR", timedelta(0))
        problem(take(order, first), 409, "second_person_needed")
    assert take(order, first).status_code == 202


@pytest.mark.parametrize("limit", [{}, {"USD": 100_000}, {"EUR": 1}])
def test_up_to_the_limit_and_where_there_is_none_nobody_else_is_asked(
    order: Order, limits: Any, limit: dict[str, int]
) -> None:
    limits.MONEY_BY_HAND_LIMITS = limit
    assert take(order, an_operator()).status_code == 202


def test_an_agreement_says_who_and_why_for_ever(order: Order) -> None:
    who = an_operator()
    agree(order, who)
    row = Action.objects.get(name="approve", before__order_id=str(order.id))
    assert (row.actor, row.reason, row.saga) == (who.username, WHY["reason"], "capture_payment")
    with pytest.raises(IntegrityError), transaction.atomic():
        row.delete()
    problem(agree(order, who, "authorize_payment"), 409, "order_moved")
