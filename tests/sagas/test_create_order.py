"""Create order, from the customer's tap to CREATED or CANCELLED, whatever Stripe does."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from django.conf import settings
from django.db import transaction

from campusg.ids import new_id
from escrow.chart import Code, Layer
from escrow.services import balance_of_order, freeze
from orders import services as orders
from orders.errors import RestaurantClosed
from orders.models import Order
from orders.states import OrderStatus
from payments.models import PaymentStatus
from sagas.create_order import create_order
from sagas.engine.publishing import publish
from sagas.engine.starting import RunExists, start
from sagas.models import Run, RunStatus
from sagas.upkeep import set_missing_timers
from scheduler.models import EventStatus, ScheduledEvent
from tests.conftest import Worker, eventually
from tests.factories import a_person
from tests.makers import make_customer, make_restaurant, requested
from tests.sagas.conftest import everything
from tests.sagas.messages import all_is_quiet, deliver_every_message_again, to_its_end
from tests.sagas.placed import Placed
from users.models import Role
from users.services import NoSavedCard

pytestmark = pytest.mark.story

TOTAL = 1250 + 399 + 123
Place = Callable[..., Placed]


def nothing_is_left(placed: Placed) -> None:
    """The order was called off and nobody holds a cent for it."""
    assert placed.run.status == RunStatus.COMPENSATED
    assert placed.order.status == OrderStatus.CANCELLED
    assert placed.held() == []
    assert not any(balance_of_order(order_id=placed.id).values())


def test_an_order_is_created_with_its_money_held_and_its_timer_set(place: Place) -> None:
    placed = place().rests()
    assert placed.run.status == RunStatus.COMPLETED
    assert placed.order.status == OrderStatus.CREATED
    assert placed.payment.status == PaymentStatus.AUTHORIZED
    assert placed.payment.capture_before is not None
    assert placed.held() == [TOTAL]
    assert balance_of_order(order_id=placed.id)[Code.CUSTOMER_HOLD, Layer.PENDING] == TOTAL
    timers = ScheduledEvent.objects.filter(entity_id=placed.id, status=EventStatus.PENDING)
    assert {one.event_type: (one.due_at - one.created_at).total_seconds() for one in timers} == {
        "ORDER_TIMEOUT": 30 * 60,
        "ESCROW_TIMEOUT": 24 * 3600,
    }


def test_the_events_are_those_of_the_table_in_its_order(place: Place) -> None:
    placed = place().rests()
    assert placed.events() == [row.emits for row in create_order.steps if row.emits]


# Refused, step by step: what the table's compensations leave behind.


def test_a_customer_without_a_card_is_refused_at_the_door(committed_db: None) -> None:
    order_id, customer = new_id(), a_person(Role.CUSTOMER)
    with pytest.raises(NoSavedCard), transaction.atomic():
        start(create_order, str(order_id), **requested(order_id, customer, make_restaurant()))
    assert not Order.objects.filter(pk=order_id).exists()
    assert not Run.objects.filter(key=str(order_id)).exists()


def test_a_closed_restaurant_is_refused_at_the_door(committed_db: None) -> None:
    order_id, closed = new_id(), make_restaurant(is_open=False)
    facts = requested(order_id, make_customer(), closed)
    with pytest.raises(RestaurantClosed), transaction.atomic():
        start(create_order, str(order_id), **facts)
    assert not Run.objects.filter(key=str(order_id)).exists()


@pytest.mark.fault(6)
@pytest.mark.parametrize(
    "card", ["pm_card_visa_chargeDeclined", "pm_card_visa_chargeDeclinedInsufficientFunds"]
)
def test_a_declined_card_cancels_the_order(place: Place, card: str) -> None:
    placed = place(card).rests()
    nothing_is_left(placed)
    assert placed.events() == ["order.pending_payment", "order.cancelled"]
    assert placed.operations() == [("authorize", 1, "failed")]


def test_escrow_refused_releases_the_payment_and_cancels_the_order(place: Place) -> None:
    frozen = make_restaurant()
    freeze(owner=frozen.id, currency="USD", reason="under review")
    placed = place(restaurant=frozen).rests()
    nothing_is_left(placed)
    assert placed.payment.status == PaymentStatus.RELEASED
    assert placed.events() == [
        "order.pending_payment", "payment.authorized", "payment.released", "order.cancelled",
    ]  # fmt: skip


def test_an_order_that_moved_meanwhile_is_not_opened_and_its_money_goes_back(place: Place) -> None:
    placed = place(kind="latency", seconds=3)
    orders.cancel(order_id=placed.id, reason="changed my mind")
    nothing_is_left(placed.rests())
    assert "escrow.cancelled" in placed.events()


def test_a_timer_that_can_t_be_set_is_logged_and_the_order_goes_on(
    new_worker: Callable[..., Worker], books: None
) -> None:
    new_worker(ORDER_TIMEOUT_SECONDS=str(10**18))
    placed = Placed(make_customer(), make_restaurant()).rests()
    assert placed.run.status == RunStatus.COMPLETED
    assert placed.order.status == OrderStatus.CREATED
    row = placed.run.steps.get(participant="scheduler.start_order_timeout")
    assert row.state == "FAILED"
    assert row.error
    set_missing_timers()
    timer = ScheduledEvent.objects.get(entity_id=placed.id, event_type="ORDER_TIMEOUT")
    assert timer.status == EventStatus.PENDING


# Stripe answers late, never, twice, or something else.


def test_a_reply_later_than_the_lease_is_awaited_by_one_worker_alone(place: Place) -> None:
    for _ in range(3):
        placed = place(kind="latency", seconds=4).rests()
        assert placed.order.status == OrderStatus.CREATED
        if placed.payment.operations.get().tries == 1:
            break  # or the whole machine stood still for longer than a lease lasts
    assert placed.payment.operations.get().tries == 1


@pytest.mark.fault(1, 7)
@pytest.mark.parametrize("kind", ["drop_request", "drop_reply", "conflict", "rate_limit"])
def test_an_unknown_outcome_is_asked_for_under_the_same_key(place: Place, kind: str) -> None:
    placed = place(kind=kind).rests()
    assert placed.order.status == OrderStatus.CREATED
    assert placed.held() == [TOTAL]
    assert placed.intents() == 1
    assert placed.operations() == [("authorize", 1, "succeeded")]


@pytest.mark.fault(1)
def test_no_reply_within_the_time_allowed_is_unknown_and_not_failed(place: Place) -> None:
    placed = place(kind="latency", seconds=8).rests()
    assert placed.intents() == 1
    assert placed.operations()[0] == ("authorize", 1, "succeeded")


@pytest.mark.fault(3)
def test_a_stored_500_is_resolved_by_reading(place: Place) -> None:
    placed = place(kind="stored_500_after").rests()
    assert placed.order.status == OrderStatus.CREATED
    assert placed.intents() == 1


@pytest.fixture
def place_with_little_patience(new_worker: Callable[..., Worker], books: None) -> Place:
    """As `place`; three seconds after it was sent an authorization is given up."""
    new_worker(AUTHORIZATION_GIVE_UP_SECONDS="3")
    return lambda **fault: Placed(make_customer(), make_restaurant(), **fault)


@pytest.mark.fault(3)
def test_an_authorization_nobody_ever_hears_of_is_given_up_and_watched(
    place_with_little_patience: Place,
) -> None:
    placed = place_with_little_patience(kind="stored_500_before").rests()
    nothing_is_left(placed)
    operation = placed.payment.operations.get()
    assert operation.state == "unknown"
    assert operation.watched


@pytest.mark.fault(3)
def test_what_turns_up_after_the_order_was_given_up_is_voided(
    place_with_little_patience: Place,
) -> None:
    placed = place_with_little_patience(kind="conflict", times=None)
    placed.rests()
    assert placed.order.status == OrderStatus.CANCELLED
    quiet(placed)
    eventually(lambda: placed.payment.status == PaymentStatus.RELEASED, within=40)
    assert placed.held() == []


@pytest.mark.parametrize(
    "kind", ["drop_request", "drop_reply", "conflict", "rate_limit", "stored_500_after"]
)
def test_a_void_whose_outcome_is_unknown_is_found_out(place: Place, kind: str) -> None:
    frozen = make_restaurant()
    freeze(owner=frozen.id, currency="USD", reason="under review")
    placed = place(restaurant=frozen, kind=kind, path="/v1/payment_intents/*/cancel").rests()
    nothing_is_left(placed)
    assert placed.intents() == 1
    assert placed.operations()[1][::2] == ("void", "succeeded")


def test_a_void_that_reading_shows_not_to_have_happened_is_asked_for_anew(place: Place) -> None:
    frozen = make_restaurant()
    freeze(owner=frozen.id, currency="USD", reason="under review")
    path = "/v1/payment_intents/*/cancel"
    placed = place(restaurant=frozen, kind="stored_500_before", path=path).rests()
    nothing_is_left(placed)
    assert placed.operations()[1:] == [("void", 1, "failed"), ("void", 2, "succeeded")]


@pytest.mark.fault(2, 32)
def test_a_worker_killed_during_the_call_leaves_one_hold(
    new_worker: Callable[..., Worker], books: None
) -> None:
    first = new_worker()
    placed = Placed(make_customer(), make_restaurant(), kind="latency", seconds=3)
    eventually(lambda: placed.run.lease_until)
    first.kill()
    new_worker()
    assert placed.rests().order.status == OrderStatus.CREATED
    assert placed.intents() == 1
    assert placed.run.recovered >= 1


# Every message again.


@pytest.mark.parametrize(
    "how",
    [{}, {"card": "pm_card_visa_chargeDeclined"}, {"restaurant": "frozen"}],
    ids=["created", "declined", "released"],
)
def test_every_message_again_after_the_end_changes_nothing(
    place: Place, how: dict[str, str]
) -> None:
    more: dict[str, Any] = dict(how)
    if "restaurant" in more:
        more["restaurant"] = make_restaurant()
        freeze(owner=more["restaurant"].id, currency="USD", reason="under review")
    placed = place(**more).rests()
    eventually(all_is_quiet)
    before = everything(placed.id)
    deliver_every_message_again(placed.run_id)
    eventually(all_is_quiet)
    assert everything(placed.id) == before


@pytest.mark.parametrize("kind", ["latency", "drop_reply"])
def test_a_chain_published_five_times_at_once_holds_the_money_once(place: Place, kind: str) -> None:
    more = {"seconds": 1} if kind == "latency" else {}
    placed = place(kind=kind, **more)
    for _ in range(5):
        publish(placed.run)
    assert placed.rests().order.status == OrderStatus.CREATED
    assert placed.intents() == 1
    assert placed.events() == [row.emits for row in create_order.steps if row.emits]


# The same start, twice.


def test_the_same_start_returns_the_run_that_is_under_way(no_worker: None, books: None) -> None:
    customer, restaurant = make_customer(), make_restaurant()
    placed = Placed(customer, restaurant)
    again = start(create_order, str(placed.id), **requested(placed.id, customer, restaurant))
    assert again.pk == placed.run_id
    others = requested(placed.id, customer, restaurant) | {"delivery_location": "elsewhere"}
    with pytest.raises(RunExists):
        start(create_order, str(placed.id), **others)
    to_its_end(placed.run_id)
    assert placed.intents() == 1


def quiet(placed: Placed) -> None:
    """Let the sandbox behave again."""
    faults = f"{settings.STRIPE_API_BASE}/_sandbox/faults"
    requests.delete(faults, timeout=10).raise_for_status()
