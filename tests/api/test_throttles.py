"""How often somebody may ask, at the rates that production has."""

import time

import pytest

from campusg.api.throttles import wait_for
from campusg.ids import new_id
from campusg.settings import base
from tests.api.conftest import Client, problem
from tests.factories import a_customer, a_person
from tests.threads import at_once
from users.models import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def production_rates(settings):
    settings.THROTTLE_RATES = base.THROTTLE_RATES
    # Valkey's answer is not waited for long, and who cannot be counted is served.
    settings.REDIS_URL += "?socket_timeout=30&socket_connect_timeout=30"


def in_one_minute(story):
    """What the story returned; told anew if a minute ended meanwhile, as counting begins anew."""
    while True:
        minute = time.time() // 60
        result = story()
        if time.time() // 60 == minute:
            return result


def test_ten_orders_a_minute(production_rates):
    def story():
        client = Client(a_customer())
        return [client.order({}) for _ in range(11)]

    *counted, refused = in_one_minute(story)
    assert {response.status_code for response in counted} == {422}
    problem(refused, 429, "throttled")
    assert 1 <= int(refused["Retry-After"]) <= 60


def test_thirty_acceptances_a_minute_whatever_becomes_of_them(production_rates):
    def story():
        client = Client(a_person(Role.RUNNER))
        return [client.act(new_id(), "accept") for _ in range(31)]

    *counted, refused = in_one_minute(story)
    assert {response.status_code for response in counted} == {404}
    problem(refused, 429, "throttled")


def test_looking_is_not_ordering(production_rates):
    def story():
        client = Client(a_customer())
        for _ in range(11):
            client.order({})
        return client.get("/api/orders")

    assert in_one_minute(story).status_code == 200


def test_five_tries_to_sign_in_as_somebody(production_rates):
    address = f"2001:db8::{new_id().hex[-4:]}"

    def tries(path, username, times=1):
        body = {"username": username, "password": "guess"}
        return [Client().post(path, body, REMOTE_ADDR=address) for _ in range(times)]

    def story():
        me, other = new_id().hex, new_id().hex
        own, others = tries("/api/token", me, 6), tries("/api/token", other)
        return own, others, [*tries("/accounts/login", me), *tries("/admin/login/", me)]

    (*counted, refused), other, forms = in_one_minute(story)
    assert {response.status_code for response in (*counted, *other)} == {401}
    problem(refused, 429, "throttled")
    assert [by_form.status_code for by_form in forms] == [429, 429]


def test_what_a_client_says_about_its_address_counts_for_nothing(production_rates):
    def story():
        me = new_id().hex
        return [
            Client()
            .post(
                "/api/token",
                {"username": me, "password": "guess"},
                headers={"X-Forwarded-For": f"10.0.0.{n}"},
            )
            .status_code
            for n in range(6)
        ]

    assert in_one_minute(story) == [401] * 5 + [429]


@pytest.mark.race
def test_counting_is_exact_in_a_crowd(production_rates):
    def story():
        who = new_id().hex
        return at_once([lambda: wait_for("orders", who)] * 20)

    assert sum(wait == 0 for wait in in_one_minute(story)) == 10


def test_without_redis_nothing_is_refused(production_rates, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    client = Client(a_customer())
    assert {client.order({}).status_code for _ in range(12)} == {422}


def test_a_rate_that_means_nothing_is_a_mistake(settings):
    settings.THROTTLE_RATES = {"orders": "ten a minute"}
    with pytest.raises(ValueError, match="10/min"):
        wait_for("orders", "me")
