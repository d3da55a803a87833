"""Every type is declared once, as JSON Schema says, and the code records no other."""

import ast
import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from jsonschema import Draft202012Validator

from events.catalogue import EVENTS, SCHEMAS, Undeclared, check
from tests.events.facts import order_facts

ROOT = Path(settings.BASE_DIR)
APPS = ("orders", "payments", "escrow", "scheduler", "sagas", "users")
#: The ten that CampusG began with.
FIRST = {
    "order.pending_payment", "payment.authorized", "escrow.held", "order.created",
    "order.status_updated", "order.accepted", "escrow.released", "order.cancelled",
    "payment.refunded", "order.timed_out",
}  # fmt: skip
#: Dotted words of the code that are no events.
OTHER = {"escrow.change_account"}


def recorded() -> set[str]:
    """Every event name in the code: its families are those of the catalogue."""
    families = "|".join({name.partition(".")[0] for name in EVENTS})
    names = set()
    for app in APPS:
        for module in (ROOT / app).glob("**/[!0]*.py"):
            for node in ast.walk(ast.parse(module.read_text())):
                said = str(node.value) if isinstance(node, ast.Constant) else ""
                if re.fullmatch(rf"({families})\.[a-z_]+", said):
                    names.add(said)
    return names


def test_the_ten_first_events_are_there() -> None:
    assert FIRST - EVENTS.keys() == set()


def test_the_code_records_what_is_declared_and_nothing_is_declared_in_vain() -> None:
    # Where a status names its event, the name is put together.
    composed = {"order.completed", "order.completed_unpaid"}
    assert (recorded() | composed) - OTHER == EVENTS.keys()


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_a_schema_is_one_and_says_what_people_need(path: Path) -> None:
    schema = json.loads(path.read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert path.name == f"{schema['title']}.v1.json"
    assert schema["$id"] == f"urn:campusg:events:{path.stem}"
    assert re.fullmatch(r"[A-Z][^.]*\.", schema["description"]), "one sentence"
    assert re.fullmatch(r"\d+\.\d+\.\d+", schema["x-since"])
    assert all(prop["description"] for prop in schema["properties"].values())


@pytest.mark.parametrize("name", [name for name in EVENTS if name.startswith("order.")])
def test_an_orders_event_says_enough_that_nobody_has_to_ask(name: str) -> None:
    needed = {"status", "customer_id", "restaurant_id", "runner_id", "total", "currency"}
    assert needed <= set(EVENTS[name].schema["required"])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"status": "LOST"}, "LOST"),
        ({"customer_id": "me"}, "not a 'uuid'"),
        ({"total": "16.99"}, "not of type 'integer'"),
        ({"email": "a@campus.example"}, "email is undeclared"),
    ],
)
def test_data_that_differs_from_its_schema_is_found_out(change: dict, complaint: str) -> None:
    data = {
        key: str(value) if key.endswith("_id") and value else value
        for key, value in order_facts().items()
    }
    check("order.created", data)
    with pytest.raises(Undeclared, match=complaint):
        check("order.created", data | change)
