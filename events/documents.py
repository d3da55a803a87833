"""The catalogue as documents: AsyncAPI 3 for machines and a page for people, from one source."""

from collections.abc import Iterator
from typing import Any

from events import topics
from events.catalogue import EVENTS, EventType

_BINDING = "0.5.0"  # of https://github.com/asyncapi/bindings/tree/master/kafka
_TEXT = {"type": "string"}
#: What `events.envelope` writes, besides the constants of each type.
_HEADERS: dict[str, dict[str, Any]] = {
    "ce_specversion": {"const": "1.0"},
    "ce_id": {"type": "string", "format": "uuid", "description": "The same for a duplicate."},
    "ce_source": {**_TEXT, "description": "`/campusg/` and the environment."},
    "ce_type": _TEXT,
    "ce_subject": {"type": "string", "format": "uuid", "description": "The order."},
    "ce_time": {"type": "string", "format": "date-time", "description": "When it was recorded."},
    "ce_partitionkey": {"type": "string", "format": "uuid", "description": "The order, again."},
    "ce_sequence": {
        "type": "string",
        "pattern": r"^\d{10}$",
        "description": "The order's events counted from 1 without a gap; compare it as text.",
    },
    "ce_dataschema": {"type": "string", "format": "uri", "description": "The schema of the data."},
    "content-type": {"const": "application/json"},
}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document (https://www.asyncapi.com/docs/reference/specification/v3.0.0)."""
    topic = topics.orders()
    channel = {
        "address": topic.name,
        "title": "Every event of every order",
        "description": "In the order in which they happened, for each order. "
        "At least once: a duplicate has the same ce_id.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in EVENTS},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "replicas": topic.replication,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": topic.retention_ms,
                },
                "bindingVersion": _BINDING,
            }
        },
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "CampusG events",
            "version": "1",
            "description": "What happens to an order, as CloudEvents 1.0 in Kafka's binary mode. "
            "Amounts are in minor units.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "channels": {"orders": channel},
        "operations": {
            "tellOrders": {
                "action": "send",
                "channel": {"$ref": "#/channels/orders"},
                "summary": "Every change of an order, once it is committed.",
            }
        },
        "components": {
            "messages": {name: _message(kind) for name, kind in EVENTS.items()},
            "schemas": {
                "headers": {
                    "type": "object",
                    "properties": _HEADERS,
                    "required": list(_HEADERS),
                }
            },
        },
    }


def page() -> str:
    """The Markdown page: one table of all types, one section each."""
    return "\n".join(_page()) + "\n"


def _message(kind: EventType) -> dict[str, Any]:
    constants = {"ce_type": {"const": kind.public_name}, "ce_dataschema": {"const": kind.urn}}
    return {
        "name": kind.public_name,
        "title": kind.name,
        "summary": kind.description,
        "contentType": "application/json",
        "headers": {"allOf": [{"$ref": "#/components/schemas/headers"}, {"properties": constants}]},
        "payload": {
            key: value
            for key, value in kind.schema.items()
            if key in ("title", "type", "properties", "required")
        },
        "bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}}},
    }


def _page() -> Iterator[str]:
    topic = topics.orders()
    yield from (
        "# Events",
        "",
        "Made by `manage.py asyncapi --page` from `events/schemas/`; `make check` compares.",
        "",
        f"What happens to an order is published to the Kafka topic `{topic.name}`, in the order in "
        "which it",
        "happened: the key is the order's id, and `ce_sequence` counts the order's events from 1 "
        "without a gap.",
        "Each arrives at least once; a duplicate has the same `ce_id`. The headers are CloudEvents "
        "1.0 in binary",
        "mode, the value is the data below as JSON, up to 64 KiB. Amounts are in minor units. "
        "People are ids, never",
        "names. The same for machines: [asyncapi.yaml](asyncapi.yaml), "
        "[events/schemas](../events/schemas).",
        "",
        "A type only grows: new fields are optional, so ignore those you don't know. Anything else "
        "is a new type.",
        "",
        "| event | when |",
        "|---|---|",
    )
    for name, kind in EVENTS.items():
        yield f"| [`{name}`](#{name.replace('.', '')}) | {kind.description} |"
    for kind in EVENTS.values():
        yield from _section(kind)


def _section(kind: EventType) -> Iterator[str]:
    yield from ("", f"## {kind.name}", "", f"{kind.description} `{kind.public_name}`", "")
    yield from ("| field | type | |", "|---|---|---|")
    required = kind.schema["required"]
    for field, schema in kind.schema["properties"].items():
        optional = "" if field in required else " May be missing."
        yield f"| `{field}` | {_type(schema)} | {schema['description']}{optional} |"


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(str(schema.get("format", name)) for name in names if name != "null") + (
        " or null" if "null" in names else ""
    )
