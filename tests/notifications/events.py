"""Events as the schemas describe them, for whom it may concern."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from campusg.ids import new_id
from events.catalogue import check, declared
from events.envelope import Event


def sample(type_: str, *, whole: bool = True, **said: Any) -> dict[str, Any]:
    """Data of an event, every declared field filled (or only those that must be), but for what is
    said."""
    schema = declared(type_).schema
    fields = schema["properties"] if whole else schema.get("required", ())
    data = {name: _value(schema["properties"][name]) for name in fields} | said
    check(type_, data)
    return data


def an_event(type_: str, order_id: UUID | None = None, version: int = 1, **said: Any) -> Event:
    """As a consumer reads it."""
    said = {name: str(value) if isinstance(value, UUID) else value for name, value in said.items()}
    return Event(
        id=new_id(),
        type=type_,
        source="/campusg/test",
        order_id=order_id or new_id(),
        version=version,
        time=timezone.now(),
        data=sample(type_, **said),
    )


def _value(rule: dict[str, Any]) -> Any:
    if "enum" in rule:
        return rule["enum"][0]
    if rule.get("format") == "uuid":
        return str(new_id())
    if rule["type"] == "integer":
        return max(rule.get("minimum", 1), min(123456, rule.get("maximum", 123456)))
    if rule.get("pattern") == "^[A-Z]{3}$":
        return "USD"
    assert rule["type"] == "string", rule
    return "It rained."
