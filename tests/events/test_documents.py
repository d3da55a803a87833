"""The documents say what the catalogue says, and a released schema is a promise."""

import copy
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from events.catalogue import EVENTS, EventType
from events.compatibility import broken_promises, released
from events.documents import asyncapi
from events.envelope import to_message
from tests.events.test_envelope import a_row

ROOT = Path(settings.BASE_DIR)


def test_the_committed_document_describes_every_type_and_its_references_lead_somewhere() -> None:
    text = (ROOT / "docs" / "asyncapi.yaml").read_text()
    document = yaml.safe_load(text)
    assert document == json.loads(json.dumps(asyncapi())), "manage.py asyncapi > docs/asyncapi.yaml"
    assert document["components"]["messages"].keys() == EVENTS.keys()
    for reference in re.findall(r"\$ref: '?#/([^'\n]+)", text):
        target: Any = document
        for step in reference.split("/"):
            target = target[step]


def test_the_headers_that_are_documented_are_those_that_are_sent() -> None:
    headers = asyncapi()["components"]["schemas"]["headers"]
    assert [name for name, _ in to_message(a_row()).headers] == headers["required"]


def test_what_was_released_is_kept() -> None:
    assert broken_promises(released(), EVENTS) == []


def _without_the_type(types: dict[str, EventType]) -> None:
    del types["order.created"]


def _another_version(types: dict[str, EventType]) -> None:
    types["order.created"] = replace(types["order.created"], version=2)


def _without_a_field(types: dict[str, EventType]) -> None:
    del types["order.created"].schema["properties"]["total"]


def _another_type_of_field(types: dict[str, EventType]) -> None:
    types["order.created"].schema["properties"]["total"]["type"] = "string"


def _a_field_that_may_be_missing(types: dict[str, EventType]) -> None:
    types["order.created"].schema["required"].remove("total")


def _a_new_field_that_must_be_there(types: dict[str, EventType]) -> None:
    types["order.created"].schema["properties"]["tip"] = {"type": "integer"}
    types["order.created"].schema["required"].append("tip")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_without_the_type, "order.created is gone."),
        (_another_version, "order.created is v2 now."),
        (_without_a_field, "order.created: total is gone; keep it."),
        (_another_type_of_field, "order.created: total means something else now;"),
        (_a_field_that_may_be_missing, "order.created: total may be missing now;"),
        (_a_new_field_that_must_be_there, "order.created: tip is required;"),
    ],
)
def test_a_change_that_breaks_subscribers_is_told(
    change: Callable[[dict[str, EventType]], None], sentence: str
) -> None:
    present = copy.deepcopy(EVENTS)
    change(present)
    (told,) = broken_promises(EVENTS, present)
    assert told.startswith(sentence)


def test_new_types_optional_fields_and_better_words_are_welcome() -> None:
    present = copy.deepcopy(EVENTS)
    fields = present["order.created"].schema["properties"]
    fields["tip"] = {"type": "integer", "description": "For the runner."}
    fields["total"]["description"] = "In better words."
    present["order.praised"] = replace(present["order.rated"], name="order.praised")
    assert broken_promises(EVENTS, present) == []
