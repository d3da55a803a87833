"""Facts as JSON and back: the type a participant declares decides how a fact is read."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, get_args, get_type_hints
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder

#: What a fact may be besides plain JSON.
_READERS: dict[Any, Any] = {UUID: UUID, datetime: datetime.fromisoformat}


def to_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as the JSON that is stored: UUIDs and times as text, everything else as it is."""
    return {name: _written(value) for name, value in facts.items()}


def arguments(needs: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments a function needs, taken from stored facts by name."""
    return {name: _read(kind, facts[name]) for name, kind in needs.items()}


def keys_of(typed_dict: Any) -> dict[str, Any]:
    """The names and types of a TypedDict; nothing for None."""
    if typed_dict is None or typed_dict is type(None):
        return {}
    return get_type_hints(typed_dict)


def digest(facts: Mapping[str, Any]) -> str:
    """The same for the same facts, whatever their order."""
    canonical = json.dumps(to_json(facts), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def fits(kind: Any, value: Any) -> bool:
    """Whether a value given by a person can be a fact of that kind; JSON shapes are not looked
    into."""
    wanted = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    return any(_fits(one, value) for one in wanted)


def name_of(kind: Any) -> str:
    """The kind in a sentence: `int`, `UUID | None`."""
    return kind.__name__ if isinstance(kind, type) else str(kind)


def _fits(kind: Any, value: Any) -> bool:
    if kind in _READERS and isinstance(value, str):
        try:
            _READERS[kind](value)
        except ValueError:
            return False
        return True
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind) if isinstance(kind, type) else True


def _written(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, str | int):
        return value
    return json.loads(json.dumps(value, cls=DjangoJSONEncoder))


def _read(kind: Any, value: Any) -> Any:
    reader = _reader(kind)
    return value if reader is None or not isinstance(value, str) else reader(value)


@cache
def _reader(kind: Any) -> Any:
    """How text becomes that kind again, or None; `UUID | None` is read as a UUID."""
    return next((_READERS[one] for one in get_args(kind) or (kind,) if one in _READERS), None)
