"""Whatever goes wrong is told as an RFC 9457 problem, with the field named and nothing leaked."""

import json

import pytest
from django.conf import settings
from django.db import connection, connections
from django.test import Client as DjangoClient

from campusg.ids import new_id
from orders.models import MenuItem, Order, OrderItem, Restaurant
from payments.errors import OperatorNeeded
from tests.api.conftest import Client, problem
from tests.factories import a_customer, a_menu_item, a_person, a_restaurant
from tests.makers import order_body
from users.models import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def kitchen():
    kitchen = a_restaurant()
    a_menu_item(kitchen)
    return kitchen


@pytest.fixture
def client():
    return Client(a_customer())


WRONG = {
    "no restaurant": ({"restaurant_id": None}, "restaurant_id", "null"),
    "not an id": ({"restaurant_id": "noodles"}, "restaurant_id", "invalid"),
    "no items": ({"items": []}, "items", "min_length"),
    "items not a list": ({"items": "ramen"}, "items", "not_a_list"),
    "an item not an object": ({"items": [3]}, "items.0", "invalid"),
    "nowhere": ({"delivery_location": " "}, "delivery_location", "blank"),
    "too far": ({"delivery_location": "x" * 201}, "delivery_location", "max_length"),
    "a null byte": ({"delivery_location": "\0"}, "delivery_location",
                    "null_characters_not_allowed"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_a_body_that_cannot_be_meant_is_422_and_names_the_field(client, kitchen, wrong):
    change, field, code = WRONG[wrong]
    body = problem(client.order(order_body(kitchen) | change), 422, "validation_failed", field)
    assert [(e["field"], e["code"]) for e in body["errors"]] == [(field, code)]
    assert field in body["detail"]


def test_half_a_character_is_not_text(client, kitchen):
    body = json.dumps(order_body(kitchen) | {"delivery_location": "\ud800"})
    headers = {"Idempotency-Key": new_id().hex}
    refused = client.post("/api/orders", body, content_type="application/json", headers=headers)
    problem(refused, 422, "validation_failed", "delivery_location")


@pytest.mark.parametrize(("quantity", "code"), [(0, "min_value"), (21, "max_value"),
                                                ("many", "invalid"), (1.5, "invalid"),
                                                (None, "null")])  # fmt: skip
def test_a_quantity_is_a_small_whole_number(client, kitchen, quantity, code):
    body = order_body(kitchen, quantity)
    refused = problem(client.order(body), 422, "validation_failed", "items.0.quantity")
    assert refused["errors"][0]["code"] == code


def test_all_that_is_wrong_is_told_at_once(client):
    body = problem(client.order({}), 422, "validation_failed", "restaurant_id")
    told = {error["field"] for error in body["errors"]}
    assert told == {"restaurant_id", "items", "delivery_location"}


MODEL_FIELDS = sorted(
    {f.attname for f in Order._meta.concrete_fields} | {f.name for f in Order._meta.concrete_fields}
)


@pytest.mark.parametrize("field", sorted({*MODEL_FIELDS, "is_staff", "price"}))
def test_what_the_server_decides_cannot_be_posted(client, kitchen, field):
    body = order_body(kitchen)
    if field in body:
        return
    refused = client.order(body | {field: 1})
    assert problem(refused, 422, "validation_failed", field)["errors"][0]["code"] == "unknown_field"
    assert Order.objects.count() == 0


@pytest.mark.parametrize("field", [f.name for f in OrderItem._meta.concrete_fields
                                   if f.name not in ("quantity",)])  # fmt: skip
def test_prices_cannot_be_posted_in_a_line_either(client, kitchen, field):
    body = order_body(kitchen)
    body["items"][0][field] = 1
    problem(client.order(body), 422, "validation_failed", f"items.0.{field}")


def test_what_the_domain_refuses_keeps_its_own_code(client, kitchen):
    elsewhere = a_menu_item(a_restaurant())
    body = order_body(kitchen)
    problem(
        client.order(body | {"restaurant_id": str(new_id())}),
        422, "unknown_restaurant", "restaurant_id",
    )  # fmt: skip
    body["items"].append({"menu_item_id": str(elsewhere.id), "quantity": 1})
    problem(client.order(body), 422, "unknown_menu_item", "items")
    MenuItem.objects.update(is_available=False)
    problem(client.order(order_body(kitchen)), 409, "item_unavailable", "items")
    Restaurant.objects.update(is_open=False)
    problem(client.order(order_body(kitchen)), 409, "restaurant_closed", "restaurant_id")
    without_card = Client(a_person(Role.CUSTOMER))
    problem(without_card.order(order_body(kitchen)), 422, "no_saved_card", "customer_id")


def test_a_customer_has_so_many_unpaid_orders_and_no_more(client, kitchen):
    for _ in range(settings.UNPAID_ORDERS_MAX):
        assert client.order(order_body(kitchen)).status_code == 202
    problem(client.order(order_body(kitchen)), 409, "too_many_open_orders")


def test_what_http_itself_refuses_is_a_problem_too(client):
    key = {"Idempotency-Key": new_id().hex}
    problem(client.get("/api/nowhere"), 404, "not_found")
    problem(client.post("/api/orders/", {}, format="json"), 404, "not_found")
    problem(client.delete("/api/orders"), 405, "method_not_allowed")
    problem(client.get("/api/orders", headers={"Accept": "image/png"}), 406, "not_acceptable")
    problem(client.get("/api/orders?cursor=cD1ub3RoaW5n"), 404, "not_found")
    problem(client.get("/api/orders?cursor=%C3%A9"), 404, "not_found")
    problem(Client().get("/api/orders"), 401, "not_authenticated")
    for body, kind, status, code in (
        ("{", "application/json", 400, "parse_error"),
        ("[" * 60_000, "application/json", 400, "parse_error"),
        ('{"a": NaN}', "application/json", 400, "parse_error"),
        ("x", "application/xml", 415, "unsupported_media_type"),
        (json.dumps("x" * 65_536), "application/json", 413, "too_large"),
        ("a=" + "x" * 65_536, "application/x-www-form-urlencoded", 413, "too_large"),
    ):
        problem(client.post("/api/orders", body, content_type=kind, headers=key), status, code)


def test_a_request_that_django_refuses_before_any_view_is_a_problem(db):
    refused = DjangoClient().get("/api/orders", headers={"Host": "evil.example"})
    problem(refused, 400, "bad_request")


def test_the_request_id_is_the_clients_if_it_is_a_decent_one():
    client = Client()
    for given, kept in (("trace-0123456789", True), ("short", False), ("<script>" * 3, False)):
        response = client.get("/api/orders", headers={"X-Request-Id": given})
        told = problem(response, 401, "not_authenticated")["request_id"]
        assert (told == given) == kept


def test_every_answer_says_which_request_it_is_to(client):
    traced = {"X-Request-Id": "trace-0123456789"}
    for path in ("/api/orders", "/api/schema", "/admin/login/", "/healthz", "/nowhere"):
        assert client.get(path, headers=traced)["X-Request-Id"] == "trace-0123456789", path


def test_nobody_between_us_keeps_what_the_api_tells(client):
    for path in ("/api/orders", "/api/nowhere"):
        assert client.get(path)["Cache-Control"] == "no-store"


def test_a_mistake_of_ours_is_500_and_says_nothing_more(client, kitchen, monkeypatch, caplog):
    def broken(*_args, **_facts):
        raise RuntimeError("what only the log may know")

    monkeypatch.setattr("orders.views.start", broken)
    response = client.order(order_body(kitchen))
    body = problem(response, 500, "internal_error")
    assert "only the log" not in response.content.decode()
    assert body["request_id"] in caplog.text
    assert "what only the log may know" in caplog.text


def test_a_mistake_while_an_answer_is_written_is_a_problem_too(client, monkeypatch):
    def broken(*_args):
        raise RuntimeError("what only the log may know")

    monkeypatch.setattr("rest_framework.renderers.JSONRenderer.render", broken)
    response = client.get("/api/orders")
    problem(response, 500, "internal_error")
    assert "only the log" not in response.content.decode()


def test_outside_the_api_people_get_pages(settings):
    missing = DjangoClient().get("/nowhere")
    assert (missing.status_code, missing["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_what_stripe_told_our_operators_stays_with_them(client, kitchen, monkeypatch):
    def refuse(*_args, **_facts):
        raise OperatorNeeded("No such customer: cus_123; key sk_test_…")

    monkeypatch.setattr("orders.views.start", refuse)
    response = client.order(order_body(kitchen))
    problem(response, 500, "operator_needed")
    assert "cus_123" not in response.content.decode()


def test_a_database_that_keeps_us_waiting_is_503_and_leaves_nothing(client, kitchen):
    customer = client.handler._force_user
    other = connections["default"].copy()
    with other.cursor() as theirs, connection.cursor() as ours:
        theirs.execute("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                       [f"unpaid orders of {customer.id}"])  # fmt: skip
        ours.execute("SET LOCAL statement_timeout = '100ms'")
        refused = client.order(order_body(kitchen), key="the-same-key-twice")
        theirs.execute("ROLLBACK")
        ours.execute("SET LOCAL statement_timeout TO DEFAULT")
    other.close()
    problem(refused, 503, "unavailable")
    assert refused["Retry-After"] == "1"
    placed = client.order(order_body(kitchen), key="the-same-key-twice")
    assert placed.status_code == 202
    assert "Idempotent-Replayed" not in placed
