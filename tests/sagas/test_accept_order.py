"""Accept order: one runner has it, the timer stops, and only what a run did is taken back."""

from collections.abc import Callable

import pytest
from django.db import transaction

from orders import errors, services
from orders.models import Order
from orders.states import OrderStatus
from sagas.accept_order import accept_order
from sagas.engine.starting import compensate, start
from sagas.models import Run, RunStatus
from tests.factories import a_person
from tests.makers import make_payee, make_runner
from tests.sagas.lunch import Lunch
from users.errors import CannotBePaid, NotARunner
from users.models import Role, Transfers
from users.services import set_transfers

pytestmark = pytest.mark.story
Ordered = Callable[..., Lunch]


def test_a_runner_has_the_order_before_the_answer_is_sent(lunch: Ordered) -> None:
    order = lunch()
    order.accept()
    assert order.status == OrderStatus.ACCEPTED
    assert Order.objects.get(pk=order.id).runner_id == order.runner.id
    assert order.timers()["ORDER_TIMEOUT"] == "CANCELLED"
    assert order.events()[-1] == "order.accepted"


def test_the_reminder_follows_by_a_worker(lunch: Ordered) -> None:
    order = lunch()
    run = order.ends(order.accept())
    assert run.status == RunStatus.COMPLETED
    assert order.timers()["DELIVERY_REMINDER"] == "PENDING"


def test_the_second_runner_is_refused_and_nothing_changes(lunch: Ordered) -> None:
    order = lunch()
    order.accept()
    before = order.events()
    other = make_runner()
    with pytest.raises(errors.OrderTaken):
        order.accept(other)
    assert Order.objects.get(pk=order.id).runner_id == order.runner.id
    assert order.events() == before
    assert not Run.objects.filter(key=f"{order.id}:{other.id}").exists()


def test_accepting_twice_is_accepting_once(lunch: Ordered) -> None:
    order = lunch()
    order.ends(order.accept())
    assert order.ends(order.accept()).status == RunStatus.COMPLETED
    assert order.events().count("order.accepted") == 1


def test_nobody_delivers_their_own_order(lunch: Ordered) -> None:
    order = lunch()
    order.customer.roles.append(Role.RUNNER)
    order.customer.save()
    with pytest.raises(errors.OwnOrder):
        order.accept(make_payee(order.customer))
    assert order.status == OrderStatus.CREATED


def test_who_can_t_be_paid_can_t_accept(lunch: Ordered) -> None:
    order = lunch()
    with pytest.raises(CannotBePaid):
        order.accept(a_person(Role.RUNNER))
    with pytest.raises(NotARunner):
        order.accept(a_person(Role.CUSTOMER))
    set_transfers(
        stripe_account_id=order.runner.payout_account.stripe_account_id,
        transfers=Transfers.INACTIVE,
    )
    with pytest.raises(CannotBePaid):
        order.accept()
    assert order.status == OrderStatus.CREATED


def test_turned_round_the_run_takes_back_what_it_did_itself(lunch: Ordered) -> None:
    order = lunch()
    with transaction.atomic():
        run = start(
            accept_order,
            f"{order.id}:{order.runner.id}",
            order_id=order.id,
            runner_id=order.runner.id,
        )
        compensate(run.pk, "the runner never meant it")
    assert order.ends(run).status == RunStatus.COMPENSATED
    assert order.status == OrderStatus.CREATED
    assert order.timers()["ORDER_TIMEOUT"] == "PENDING"
    assert order.events()[-2:] == ["order.accepted", "order.released"]


def test_a_losing_run_never_evicts_the_winner(lunch: Ordered) -> None:
    order = lunch()
    order.accept()
    services.unassign(order_id=order.id, runner_id=make_runner().id)
    assert Order.objects.get(pk=order.id).runner_id == order.runner.id
