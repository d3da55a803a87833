"""3-D Secure: the order waits for its customer, who confirms the payment, or does not."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.conf import settings
from django.db import connection
from django.db.models import F

from orders.states import OrderStatus
from payments.gateway import client
from payments.learning import confirmation_of
from payments.models import Operation, PaymentStatus
from payments.stripe_events import Notice, Source, StripeEvent, store
from sagas.models import RunStatus
from sagas.stripe_events import follow_due
from tests.api.conftest import Client, problem
from tests.conftest import Worker, eventually
from tests.factories import a_customer
from tests.makers import holds_of, make_customer, make_restaurant
from tests.payments.webhooks import events_of
from tests.sagas.placed import Placed
from tests.sagas.test_create_order import nothing_is_left
from users.models import User

pytestmark = [pytest.mark.story, pytest.mark.fault(6)]
CARD = "pm_card_authenticationRequired"
TOTAL = 1250 + 399 + 123
MakeWaiting = Callable[..., tuple[Placed, User]]


@pytest.fixture
def waiting(new_worker: Callable[..., Worker], books: None) -> MakeWaiting:
    """An order that waits for its customer, who has a minute."""

    def make() -> tuple[Placed, User]:
        # The looks of the schedule are far apart, so that only an event can be quick.
        new_worker(PAYMENT_CONFIRMATION_SECONDS="60")
        customer = make_customer(CARD)
        placed = Placed(customer, make_restaurant())
        eventually(lambda: placed.order.status == OrderStatus.AWAITING_PAYMENT)
        return placed, customer

    return make


def bank(placed: Placed, outcome: str) -> None:
    """The customer is asked by the bank, and does this."""
    intent = confirmation_of(placed.payment)
    url = f"{settings.STRIPE_API_BASE}/_sandbox/authenticate/{intent}"
    requests.post(url, json={"outcome": outcome}, timeout=10).raise_for_status()


def tell(placed: Placed) -> None:
    """Stripe's webhooks about the order arrive."""
    notices = [(Notice.of(event), "") for event in events_of(str(placed.id))]
    store(notices, Source.WEBHOOK)
    while follow_due():
        pass


def test_a_confirmed_payment_creates_the_order_and_the_event_tells_so(waiting: MakeWaiting) -> None:
    placed, customer = waiting()
    assert placed.run.status == RunStatus.WAITING
    shown = Client(customer).get(f"/api/orders/{placed.id}/payment").json()
    assert shown["client_secret"].startswith(confirmation_of(placed.payment))
    assert placed.held() == []
    bank(placed, "complete")
    tell(placed)
    assert placed.rests().order.status == OrderStatus.CREATED
    assert placed.held() == [TOTAL]
    assert placed.intents() == 1
    assert placed.operations() == [("authorize", 1, "succeeded")]
    shown = Client(customer).get(f"/api/orders/{placed.id}/payment").json()
    assert shown == {"status": "AUTHORIZED", "client_secret": None}
    assert "order.awaiting_payment" in placed.events()


@pytest.mark.fault(13)
def test_when_the_event_is_lost_the_schedule_finds_out(waiting: MakeWaiting) -> None:
    placed, _ = waiting()
    bank(placed, "complete")
    assert placed.rests(within=60).order.status == OrderStatus.CREATED
    assert placed.held() == [TOTAL]


def its_time_is_over(placed: Placed) -> None:
    """It was asked for two minutes ago, where the customer has one."""
    asked = Operation.objects.filter(order_id=placed.id)
    asked.update(sent_at=F("sent_at") - timedelta(minutes=2))


def test_a_payment_that_nobody_confirms_is_cancelled_in_time(waiting: MakeWaiting) -> None:
    placed, _ = waiting()
    its_time_is_over(placed)
    nothing_is_left(placed.rests())
    assert placed.payment.status == PaymentStatus.FAILED
    assert [one["status"] for one in holds_of(placed.id)] == ["canceled"]
    assert placed.operations() == [("authorize", 1, "failed"), ("void", 1, "succeeded")]


def test_who_fails_at_the_bank_may_try_again(waiting: MakeWaiting) -> None:
    placed, _ = waiting()
    bank(placed, "fail")
    tell(placed)
    assert placed.order.status == OrderStatus.AWAITING_PAYMENT
    intent = confirmation_of(placed.payment)
    client().v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    tell(placed)
    assert placed.rests().order.status == OrderStatus.CREATED
    assert placed.held() == [TOTAL]


def test_who_fails_at_the_bank_and_leaves_pays_nothing(waiting: MakeWaiting) -> None:
    placed, _ = waiting()
    bank(placed, "fail")
    its_time_is_over(placed)
    nothing_is_left(placed.rests())
    assert [one["status"] for one in holds_of(placed.id)] == ["canceled"]


def test_only_its_customer_is_told_the_secret_and_nobody_keeps_it(waiting: MakeWaiting) -> None:
    placed, customer = waiting()
    url = f"/api/orders/{placed.id}/payment"
    secret = Client(customer).get(url).json()["client_secret"]
    problem(Client(a_customer()).get(url), 404, "not_found")
    bank(placed, "complete")
    tell(placed)
    placed.rests()
    assert StripeEvent.objects.filter(order_id=placed.id).exists()
    assert [table for table in tables() if holds(table, secret.split("_secret_")[1])] == []


def tables() -> list[str]:
    return connection.introspection.table_names()


def holds(table: str, text: str) -> bool:
    """Whether any column of any row has this text."""
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT EXISTS (SELECT FROM "{table}" AS t WHERE t::text LIKE %s)', [f"%{text}%"]
        )
        found: Any = cursor.fetchone()[0]
    return bool(found)
