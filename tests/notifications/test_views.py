"""An inbox over HTTP: one's own, read or not, by order."""

import pytest

from campusg.consumers import notifications as consumer
from campusg.ids import new_id
from events.inbox import handle
from tests.api.conftest import Client, problem
from tests.factories import a_person, an_order
from tests.notifications.events import an_event
from users.models import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def order():
    return an_order()


@pytest.fixture
def customer(order):
    for version, type_ in enumerate(("order.pending_payment", "order.created"), 1):
        handle(consumer, [an_event(type_, order.id, version)])
    return Client(order.customer)


def titles(response):
    assert response.status_code == 200, response.content
    return [row["title"] for row in response.json()["results"]]


PLACED = ["Your order is placed", "We have your order"]


def test_an_inbox_is_newest_first_and_nobody_else_s(customer, order):
    assert titles(customer.get("/api/notifications")) == PLACED
    assert titles(Client(a_person(Role.OPS)).get("/api/notifications")) == []
    kitchen = Client(order.restaurant.owner).get("/api/notifications")
    assert titles(kitchen) == ["An order is coming"]
    first = customer.get("/api/notifications?page_size=1").json()
    assert titles(customer.get(first["next"])) == PLACED[1:]


def test_it_is_narrowed_to_the_unread_and_to_an_order(customer, order):
    newest = customer.get("/api/notifications").json()["results"][0]
    read = customer.post(f"/api/notifications/{newest['id']}/read")
    assert read.json()["read_at"]
    assert titles(customer.get("/api/notifications?unread=true")) == PLACED[1:]
    assert titles(customer.get("/api/notifications?unread=false")) == PLACED[:1]
    assert titles(customer.get(f"/api/notifications?order={order.id}")) == PLACED
    assert titles(customer.get(f"/api/notifications?order={new_id()}")) == []
    problem(customer.get("/api/notifications?unread=perhaps"), 422, "validation_failed", "unread")


def test_what_is_read_stays_read_since_the_first_time(customer):
    newest = customer.get("/api/notifications").json()["results"][0]
    path = f"/api/notifications/{newest['id']}/read"
    assert customer.post(path).json() == customer.post(path).json()
    assert customer.post("/api/notifications/read-all").json() == {"read": 1}
    assert customer.post("/api/notifications/read-all").json() == {"read": 0}
    problem(Client(a_person(Role.CUSTOMER)).post(path), 404, "not_found")


def test_all_and_the_latest_about_an_order(customer, order):
    path = f"/api/orders/{order.id}/notifications"
    assert titles(customer.get(path)) == PLACED[::-1]
    assert customer.get(f"{path}/latest").json()["title"] == PLACED[0]
    ops = Client(a_person(Role.OPS))
    assert len(titles(ops.get(path))) == 3
    stranger = Client(a_person(Role.CUSTOMER))
    problem(stranger.get(path), 404, "not_found")
    problem(stranger.get(f"{path}/latest"), 404, "not_found")
    problem(customer.get(f"/api/orders/{new_id()}/notifications"), 404, "not_found")
