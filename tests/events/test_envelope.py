"""The envelope is CloudEvents 1.0 in Kafka's binary mode, and what is none is told apart."""

import json
from datetime import UTC, datetime

import pytest

from campusg.ids import new_id
from events.envelope import Malformed, from_message, to_message
from events.models import OutboxEvent


def a_row(**changes):
    given = {
        "id": new_id(),
        "aggregatetype": "order",
        "aggregateid": new_id(),
        "aggversion": 7,
        "type": "order.created",
        "payload": {"total": 1699, "note": "süß"},
        "created_at": datetime(2026, 11, 22, 12, 0, 0, 5, tzinfo=UTC),
    }
    return OutboxEvent(**given | changes)


def test_a_message_has_every_attribute_and_its_orders_key():
    row = a_row()
    message = to_message(row)
    order_id = str(row.aggregateid)
    assert (message.topic, message.key) == ("campusg.orders.v1", order_id.encode())
    assert dict(message.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": str(row.id).encode(),
        "ce_source": b"/campusg/test",
        "ce_type": b"campusg.order.created.v1",
        "ce_subject": order_id.encode(),
        "ce_time": b"2026-11-22T12:00:00.000005+00:00",
        "ce_partitionkey": order_id.encode(),
        "ce_sequence": b"0000000007",
        "ce_dataschema": b"urn:campusg:events:order.created.v1",
        "content-type": b"application/json",
    }
    assert json.loads(message.value) == row.payload


def test_what_was_written_is_what_is_read():
    row = a_row()
    message = to_message(row)
    event = from_message(message.headers, message.value)
    assert (event.id, event.type, event.source) == (row.id, row.type, "/campusg/test")
    assert (event.order_id, event.version, event.time) == (row.aggregateid, 7, row.created_at)
    assert event.data == row.payload


@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        ("ce_id", None, "ce_id is missing"),
        ("ce_id", b"17", "badly formed"),
        ("ce_id", b"\xff", "cannot be read"),
        ("ce_specversion", b"0.3", "is not 1.0"),
        ("ce_type", b"com.example.order", "no type of ours"),
        ("ce_time", b"yesterday", "Invalid isoformat"),
        ("ce_time", b"2026-11-22T12:00:00", "no time zone"),
        ("ce_sequence", b"first", "invalid literal"),
    ],
)
def test_a_message_with_a_wrong_header_is_malformed_and_says_why(header, value, reason):
    message = to_message(a_row())
    headers = dict(message.headers)
    headers.pop(header)
    if value is not None:
        headers[header] = value
    with pytest.raises(Malformed, match=reason):
        from_message(headers.items(), message.value)


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"\xff\xfe"])
def test_a_message_without_a_json_object_is_malformed(value):
    with pytest.raises(Malformed):
        from_message(to_message(a_row()).headers, value)


def test_headers_may_be_written_in_capitals():
    message = to_message(a_row())
    capitals = [(name.upper(), value) for name, value in message.headers]
    assert from_message(capitals, message.value).version == 7
