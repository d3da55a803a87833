"""Identifiers: UUIDv7, so that new rows land at the end of an index. An id is not a secret."""

import uuid

import uuid_utils


def new_id() -> uuid.UUID:
    """A fresh UUIDv7 (RFC 9562) as the standard library's type."""
    return uuid.UUID(bytes=uuid_utils.uuid7().bytes)
