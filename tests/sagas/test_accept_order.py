"""Accept order: one runner has it, the timer stops, and only what a run did is taken back."""

from collections.abc import Callable

import pytest

from orders import errors, services
from orders.models import Order
from orders.states import OrderStatus
from sagas.models import Run, RunStatus
from scheduler import services as scheduler
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
    assert order.accept().status == RunStatus.COMPLETED
    assert order.status == OrderStatus.ACCEPTED
    assert Order.objects.get(pk=order.id).runner_id == order.runner.id
    assert order.timers() == {
        "ORDER_TIMEOUT": "CANCELLED", "DELIVERY_REMINDER": "PENDING", "ESCROW_TIMEOUT": "PENDING"
    }  # fmt: skip
    assert order.events()[-1] == "order.accepted"


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


def test_what_breaks_half_way_leaves_an_open_order_with_its_timer(
    lunch: Ordered, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = lunch()
    before = order.timers()
    monkeypatch.setattr(scheduler, "start_delivery_reminder", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        order.accept()
    assert order.status == OrderStatus.CREATED
    assert order.timers() == before == {"ORDER_TIMEOUT": "PENDING", "ESCROW_TIMEOUT": "PENDING"}


def test_a_losing_run_never_evicts_the_winner(lunch: Ordered) -> None:
    order = lunch()
    order.accept()
    services.unassign(order_id=order.id, runner_id=make_runner().id)
    assert Order.objects.get(pk=order.id).runner_id == order.runner.id
