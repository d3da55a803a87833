"""Requests at the same moment: one is served, each other is told why not, and nothing is halved."""

import os
from collections import Counter
from functools import partial

import pytest
from rest_framework_simplejwt.tokens import RefreshToken

from campusg.ids import new_id
from events.models import OutboxEvent
from orders.models import Order
from orders.states import OrderStatus
from sagas.models import Run
from tests.api.conftest import Client, problem
from tests.api.world import a_runner, delivered
from tests.factories import a_customer
from tests.threads import at_once

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("no_worker")]
ROUNDS = int(os.environ.get("RACE_ROUNDS", "20"))
rounds = pytest.mark.parametrize("round_", range(ROUNDS))


def told(order):
    of_order = OutboxEvent.objects.filter(aggregateid=order.id)
    return Counter(of_order.values_list("type", flat=True))


@pytest.fixture(scope="module")
def runners(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        return [a_runner() for _ in range(50)]


@rounds
def test_of_fifty_runners_one_is_told_200(runners, round_):
    order = delivered(a_customer(), runners[0], OrderStatus.CREATED)
    asked = at_once([partial(Client(runner).act, order.id, "accept") for runner in runners])
    assert Counter(response.status_code for response in asked) == {200: 1, 409: 49}
    (winner,) = (
        runner for runner, response in zip(runners, asked, strict=True)
        if response.status_code == 200
    )  # fmt: skip
    assert Order.objects.get(pk=order.pk).runner_id == winner.id
    assert told(order)["order.accepted"] == 1
    assert Run.objects.filter(key__startswith=str(order.id)).count() == 1


def test_of_two_who_saw_the_same_version_one_acts():
    runner, customer = a_runner(), a_customer()
    for _ in range(ROUNDS):
        order = delivered(customer, runner, OrderStatus.ACCEPTED)
        seen = {"If-Match": '"3"'}
        url, body = f"/api/orders/{order.id}/status", {"status": "PLACED"}
        asked = at_once(
            [
                partial(Client(runner).send, "PUT", url, body, **seen),
                partial(Client(runner).act, order.id, "release", **seen),
            ]
        )
        # The loser saw the change, or lost the row, or the order is none of theirs any more.
        won, lost = sorted(response.status_code for response in asked)
        assert (won, lost) in {(200, 412), (200, 409), (200, 404)}
        assert Order.objects.get(pk=order.pk).version == 4


def tapped(runner, url, key):
    """As a phone does: told that its first request is still being answered, it asks again."""
    while True:
        answer = Client(runner).send("POST", url, {}, key)
        if answer.status_code != 409 or answer.json()["code"] != "idempotency_key_in_use":
            return answer


def test_a_tap_repeated_eightfold_is_one_acceptance():
    runner, customer = a_runner(), a_customer()
    for _ in range(ROUNDS):
        order = delivered(customer, runner, OrderStatus.CREATED)
        url, key = f"/api/orders/{order.id}/accept", new_id().hex
        asked = at_once([partial(tapped, runner, url, key)] * 8)
        assert {response.status_code for response in asked} == {200}
        assert all(response.json() == asked[0].json() for response in asked)
        assert told(order)["order.accepted"] == 1


def test_of_eight_uses_of_one_refresh_token_one_is_served():
    customer = a_customer()
    for _ in range(ROUNDS):
        token = {"refresh": str(RefreshToken.for_user(customer))}
        use = partial(Client().post, "/api/token/refresh", token, format="json")
        answers = at_once([use] * 8)
        assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 7}
        for answer in answers:
            if answer.status_code == 401:
                problem(answer, 401, "token_not_valid")
