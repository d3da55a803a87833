"""Orders and lists over HTTP: versions, waiting, pages, and a fixed number of queries."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campusg.ids import new_id
from orders.states import OrderStatus
from sagas.models import Run, RunStatus, StepState
from tests.api.conftest import Client, problem
from tests.api.world import (
    a_completed_order,
    a_runner,
    an_accepted_order,
    delivered,
    what_hangs_on,
)
from tests.factories import a_customer, a_menu_item, a_person, a_restaurant
from tests.makers import order_body
from users.models import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer():
    return a_customer()


@pytest.fixture
def client(customer):
    return Client(customer)


def test_an_orders_etag_is_its_version(client, customer):
    url = f"/api/orders/{an_accepted_order(customer).id}"
    first = client.get(url)
    assert (first["ETag"], first.json()["version"]) == ('"3"', 3)
    for known, status in (('"3"', 304), ('W/"3", "9"', 304), ('"2"', 200)):
        again = client.get(url, headers={"If-None-Match": known})
        assert (again.status_code, again["ETag"]) == (status, '"3"')
        assert bool(again.content) == (status == 200)


def test_who_waits_too_short_is_told_where_to_look(client):
    """Nothing can come of it: the transaction of this test is never committed."""
    kitchen = a_restaurant()
    a_menu_item(kitchen)
    placed = client.order(order_body(kitchen), Prefer="wait=1")
    assert (placed.status_code, placed["Preference-Applied"]) == (202, "wait=1")
    assert placed["Location"] == placed.json()["status_url"]
    assert placed.json()["run"]["why"] == "step 3 payments.authorize is the step at hand."


def test_who_waits_for_an_order_that_needs_a_person_is_told_so(client):
    kitchen = a_restaurant()
    a_menu_item(kitchen)
    body, key = order_body(kitchen), new_id().hex
    first = client.order(body, key).json()
    Run.objects.filter(pk=first["run"]["id"]).update(
        status=RunStatus.PARKED, reason="sk_secret: Stripe said so", remedy="Call sk_secret."
    )
    parked = client.order(body, key, Prefer="wait=1")
    run = parked.json()["run"]
    assert (parked.status_code, run["status"]) == (202, "PARKED")
    assert run["why"] == "One of us has to look into it."
    assert "sk_secret" not in parked.content.decode()
    assert "sk_secret" not in client.get(run["url"]).content.decode()
    assert "sk_secret" in Client(a_person(Role.OPS)).get(run["url"]).json()["why"]


def test_what_was_said_about_an_operation_is_for_operators(client, customer):
    run = Run.objects.get(pk=what_hangs_on(an_accepted_order(customer))["saga"])
    told = "Stripe has not answered campusg:test:1:authorize:1 for 900 s."
    Run.objects.filter(pk=run.pk).update(status=RunStatus.COMPENSATED, reason=told)
    run.steps.filter(position=3).update(state=StepState.REFUSED, error=told)
    run.steps.filter(position=2).update(state=StepState.FAILED, error="KeyError('secret')")
    shown = client.get(f"/api/sagas/{run.pk}")
    assert shown.json()["why"] == "Everything begun is undone."
    assert {step["error"] for step in shown.json()["steps"]} == {""}
    seen = Client(a_person(Role.OPS)).get(f"/api/sagas/{run.pk}").json()
    assert seen["why"].endswith(told)
    assert {step["error"] for step in seen["steps"]} == {"", told, "KeyError('secret')"}


def test_a_menu_tells_what_can_be_ordered(client):
    kitchen = a_restaurant()
    ramen = a_menu_item(kitchen)
    (listed,) = client.get("/api/restaurants").json()["results"]
    shown = client.get(listed["url"]).json()
    assert {name: shown[name] for name in listed} == listed
    assert shown["menu"] == [
        {"id": str(ramen.id), "name": "Ramen", "price": 1250, "is_available": True}
    ]


def test_pages_hold_while_orders_come_in(client, customer):
    ids = [str(an_accepted_order(customer).id) for _ in range(5)]
    first = client.get("/api/orders?page_size=2").json()
    an_accepted_order(customer)
    second = client.get(first["next"]).json()
    third = client.get(second["next"]).json()
    told = [order["id"] for page in (first, second, third) for order in page["results"]]
    assert told == list(reversed(ids))
    assert third["next"] is None


def test_a_page_is_never_longer_than_a_hundred(client):
    ops = Client(a_person(Role.OPS))
    for _ in range(101):
        a_restaurant()
    assert len(ops.get("/api/restaurants?page_size=5000").json()["results"]) == 100


@pytest.mark.parametrize("path", ["orders", "sagas", "payments", "escrow", "events", "restaurants"])
@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.OPS])
def test_a_list_costs_the_same_however_long(customer, path, role):
    client = Client(customer if role == Role.CUSTOMER else a_person(Role.OPS))
    what_hangs_on(an_accepted_order(customer))
    with CaptureQueriesContext(connection) as short:
        one = client.get(f"/api/{path}").json()["results"]
    for _ in range(3):
        what_hangs_on(an_accepted_order(customer))
    with CaptureQueriesContext(connection) as long:
        four = client.get(f"/api/{path}").json()["results"]
    assert (len(one), len(four)) == (1, 4)
    assert len(long) == len(short) <= 2


def test_neither_the_past_nor_what_is_open_costs_more_the_more_there_is(customer):
    runner = a_runner()
    client = Client(runner)
    costs = []
    for _ in range(2):
        for _ in range(2):
            delivered(customer, runner, OrderStatus.CREATED)
            a_completed_order(customer, runner)
        with CaptureQueriesContext(connection) as asked:
            assert client.get("/api/orders/available").json()["results"]
            assert client.get("/api/me/history").json()["results"]
        costs.append(len(asked))
    assert costs[0] == costs[1] <= 6


def test_looking_at_one_costs_two_queries_at_most(client, customer, django_assert_max_num_queries):
    order = an_accepted_order(customer)
    ids = what_hangs_on(order)
    for path in (f"orders/{order.id}", f"sagas/{ids['saga']}", f"payments/{ids['payment']}",
                 f"escrow/{ids['hold']}", f"restaurants/{order.restaurant_id}"):  # fmt: skip
        with django_assert_max_num_queries(2):
            assert client.get(f"/api/{path}").status_code == 200


def test_an_order_leads_to_its_run_and_back(client, customer):
    order = an_accepted_order(customer)
    ids = what_hangs_on(order)
    shown = client.get(f"/api/orders/{order.id}").json()
    assert shown["run"].endswith(f"/api/sagas/{ids['saga']}")
    run = client.get(shown["run"]).json()
    assert (run["saga"], run["key"]) == ("create_order", str(order.id))


def test_runs_can_be_looked_for(client, customer):
    ids = [what_hangs_on(an_accepted_order(customer)) for _ in range(2)]
    found = client.get(f"/api/sagas?key={ids[0]['order']}&status=COMPLETED").json()["results"]
    assert [run["id"] for run in found] == [str(ids[0]["saga"])]
    assert client.get("/api/sagas?status=PARKED").json()["results"] == []
    problem(client.get("/api/sagas?status=LOST"), 422, "validation_failed", "status")
    problem(client.get("/api/orders?status=LOST"), 422, "validation_failed", "status")
    assert len(client.get("/api/orders?status=ACCEPTED").json()["results"]) == 2
