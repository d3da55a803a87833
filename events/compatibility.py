"""Schemas only grow: what a subscriber was promised with the last release stays as it was."""

from collections.abc import Mapping
from typing import Any

from events.catalogue import SCHEMAS, EventType, read

#: The schemas as they were released; `manage.py schemas release` puts the present ones there.
RELEASED = SCHEMAS / "released"


def broken_promises(
    released: Mapping[str, EventType], present: Mapping[str, EventType]
) -> list[str]:
    """What a subscriber of `released` cannot rely on any more, a sentence each."""
    found = []
    for name, before in released.items():
        if name not in present:
            found.append(f"{name} is gone. Subscribers wait for it: keep it, or announce its end.")
        elif before.version != (now := present[name]).version:
            found.append(f"{name} is v{now.version} now. Add a new type beside v{before.version}.")
        else:
            found += [f"{name}: {what}" for what in _changes(before.schema, now.schema)]
    return found


def _changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    was, present = before["properties"], now["properties"]
    found = [f"{field} is gone; keep it." for field in was.keys() - present.keys()]
    found += [
        f"{field} means something else now; add a field of another name instead."
        for field in was.keys() & present.keys()
        if _meaning(was[field]) != _meaning(present[field])
    ]
    found += [
        f"{field} may be missing now; subscribers rely on it."
        for field in set(before["required"]) - set(now["required"])
        if field in present
    ]
    found += [
        f"{field} is required; what was published before lacks it, so make it optional."
        for field in set(now["required"]) - set(before["required"])
    ]
    return sorted(found)


def _meaning(schema: dict[str, Any]) -> dict[str, Any]:
    """All but the words for people."""
    return {key: value for key, value in schema.items() if key != "description"}


def released() -> dict[str, EventType]:
    """What was promised."""
    return read(RELEASED)
