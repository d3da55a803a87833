"""The OpenAPI document is valid, says what the API does, and is shown without the internet."""

import json
import re

import jsonschema
import pytest
from django.core.management import call_command
from django.urls import resolve

from campusg.ids import new_id
from tests.api.conftest import Client
from tests.api.test_access import ROUTES
from tests.api.world import an_accepted_order, what_hangs_on
from tests.factories import a_customer, a_menu_item, a_person, a_restaurant
from tests.makers import order_body
from users.models import Role


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    file = tmp_path_factory.mktemp("openapi") / "schema.json"
    call_command(
        "spectacular", format="openapi-json", file=str(file), validate=True, fail_on_warn=True
    )
    return json.loads(file.read_text())


def test_every_endpoint_of_the_api_is_described(document):
    described = {
        (resolve(path.replace("{id}", str(new_id()))).url_name, method.upper())
        for path, operations in document["paths"].items()
        for method in operations
    }
    pages = ("api-root", "schema", "docs")
    assert described == {(name, method) for name, method, *_ in ROUTES if name not in pages}


def test_every_operation_is_filed_under_its_app(document):
    apps = {"users", "orders", "sagas", "payments", "escrow", "scheduler"}
    tags = [o["tags"] for path in document["paths"].values() for o in path.values()]
    assert all(len(one) == 1 for one in tags)
    assert apps <= {one for (one,) in tags}
    assert "api" not in {one for (one,) in tags}


def test_a_post_says_that_it_wants_a_key_and_what_may_go_wrong(document):
    post = document["paths"]["/api/orders"]["post"]
    (key,) = (p for p in post["parameters"] if p["name"] == "Idempotency-Key")
    assert (key["in"], key["required"]) == ("header", True)
    assert re.fullmatch(key["schema"]["pattern"], "0123456789abcdef")
    assert {"200", "201", "202", "400", "401", "403", "409", "422", "429", "503"} <= set(
        post["responses"]
    )
    for code, response in post["responses"].items():
        kind = "application/json" if code < "400" else "application/problem+json"
        assert list(response["content"]) == [kind]


@pytest.mark.django_db
def test_what_is_answered_is_what_was_described(document):
    customer = a_customer()
    ids = what_hangs_on(an_accepted_order(customer))
    kitchen = a_restaurant()
    a_menu_item(kitchen)
    client, ops = Client(customer), Client(a_person(Role.OPS))
    answers = [
        ("/api/orders", "post", client.order(order_body(kitchen))),
        ("/api/orders", "post", client.order({})),
        ("/api/orders", "get", Client().get("/api/orders")),
        ("/api/users/{id}", "get", client.get(f"/api/users/{customer.id}")),
    ]
    for who in (client, ops):
        for path, id_ in (("orders", "order"), ("sagas", "saga"), ("payments", "payment"),
                          ("escrow", "hold"), ("restaurants", "restaurant")):  # fmt: skip
            listed, one = who.get(f"/api/{path}"), who.get(f"/api/{path}/{ids[id_]}")
            answers += [(f"/api/{path}", "get", listed), (f"/api/{path}/{{id}}", "get", one)]
        answers.append(("/api/events", "get", who.get("/api/events")))
    for path, method, answer in answers:
        described = document["paths"][path][method]["responses"][str(answer.status_code)]
        schema = described["content"][answer["Content-Type"]]["schema"]
        jsonschema.validate(
            answer.json(), {**schema, "components": document["components"]},
            format_checker=jsonschema.FormatChecker(),
        )  # fmt: skip


def test_swagger_ui_needs_nothing_from_elsewhere(client, db):
    page = client.get("/api/docs").content.decode()
    assert not re.findall(r"(?:https?:)?//(?!www\.w3\.org)[a-z0-9.-]+", page)
    assert '"validatorUrl": null' in page
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(assets) == 4
    for asset in assets:
        served = client.get(asset)
        assert served.status_code == 200, asset
        assert b"".join(served.streaming_content)
