"""Every type of event there is: one JSON Schema a file, which is its only declaration."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).with_name("schemas")


@dataclass(frozen=True)
class EventType:
    """One type. An incompatible change of its data is a new type, never a new meaning."""

    name: str
    version: int
    schema: dict[str, Any]

    @property
    def description(self) -> str:
        """What has happened, in one sentence."""
        return str(self.schema["description"])

    @property
    def since(self) -> str:
        """The release that brought it."""
        return str(self.schema["x-since"])

    @property
    def public_name(self) -> str:
        """As CloudEvents name it: `campusg.order.created.v1`."""
        return f"campusg.{self.name}.v{self.version}"

    @property
    def urn(self) -> str:
        """The name of its schema."""
        return str(self.schema["$id"])


def read(folder: Path) -> dict[str, EventType]:
    """The types that a folder's files declare, by name."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        name, _, version = path.stem.rpartition(".v")
        found[name] = EventType(name, int(version), json.loads(path.read_text()))
    return found


EVENTS = read(SCHEMAS)


class Undeclared(ValueError):
    """The code recorded what the catalogue does not know."""


def declared(name: str) -> EventType:
    """The type of that name; raises Undeclared."""
    if name not in EVENTS:
        raise Undeclared(f"No event is called {name}: declare it in events/schemas/{name}.v1.json.")
    return EVENTS[name]


def check(name: str, data: dict[str, Any]) -> None:
    """Raises Undeclared unless `data` is exactly what the type declares.

    For tests: readers must take what they don't know, writers may not send it.
    """
    schema = declared(name).schema
    wrong = [error.message for error in _validator(name).iter_errors(data)]
    wrong += [f"{extra} is undeclared" for extra in data.keys() - schema["properties"].keys()]
    if wrong:
        raise Undeclared(f"The data of {name} is not what its schema says: {'; '.join(wrong)}.")


@functools.cache
def _validator(name: str) -> Any:
    # A development requirement, so that production neither needs nor loads it.
    from jsonschema import Draft202012Validator

    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(declared(name).schema, format_checker=checker)
