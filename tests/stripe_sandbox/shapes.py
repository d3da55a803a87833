"""Holds a JSON object against the types of Stripe's library and against Stripe's own samples."""

import types
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

import stripe
from stripe import ListObject, StripeObject

_RENAMED = {
    "Authorization": stripe.issuing.Authorization,
    "CardResource": stripe.Card,
    "DisputeResource": stripe.Dispute,
    "IssuingDisputeResource": stripe.issuing.Dispute,
    "TestClock": stripe.test_helpers.TestClock,
    "Transaction": stripe.issuing.Transaction,
}


class _Names(dict[str, Any]):
    """The names that the SDK imports for type checkers only."""

    def __missing__(self, name: str) -> Any:
        try:
            return _RENAMED[name] if name in _RENAMED else getattr(stripe, name)
        except AttributeError:
            raise KeyError(name) from None


def misfits(value: Any, hint: Any, where: str) -> Iterator[str]:
    """What is wrong with a value that should be of the annotated type; nothing if it fits."""
    options = _options(hint)
    if value is None:
        if type(None) not in options:
            yield f"{where} is null"
        return
    found = [list(_misfits_one(value, option, where)) for option in options]
    if all(found):
        yield from min(found, key=len)


def _options(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(option for arg in get_args(hint) for option in _options(arg))
    return (hint,)


def _misfits_one(value: Any, hint: Any, where: str) -> Iterator[str]:
    origin = get_origin(hint) or hint
    if hint is Any or (origin is Literal and value in get_args(hint)):
        return
    if origin is list and isinstance(value, list):
        for number, item in enumerate(value):
            yield from misfits(item, get_args(hint)[0], f"{where}[{number}]")
    elif origin is ListObject and isinstance(value, dict):
        yield from misfits(value["data"], list[get_args(hint)[0]], f"{where}.data")  # type: ignore[misc]
    elif isinstance(origin, type) and issubclass(origin, StripeObject):
        yield from _misfits_object(value, origin, where)
    elif origin is not type(value):
        yield f"{where} is {value!r}, not {hint}"


def _misfits_object(value: Any, cls: type, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} is {value!r}, not {cls.__name__}"
        return
    fields = {
        name: hint
        for name, hint in get_type_hints(cls, localns=_Names()).items()
        if get_origin(hint) is not ClassVar and not name.startswith("_")
    }
    if not fields:  # untyped: metadata, an event's object
        return
    for name, item in value.items():
        if name not in fields:
            yield f"{where}.{name} is not in Stripe's library"
        else:
            yield from misfits(item, fields[name], f"{where}.{name}")
    for name, hint in fields.items():
        if name not in value and type(None) not in _options(hint):
            yield f"{where}.{name} is missing"


def unlike(ours: Any, sample: Any, where: str, *, skip: frozenset[str]) -> Iterator[str]:
    """Where our object lacks a key of Stripe's sample, or has another type where neither is null.

    `skip` names paths that Stripe's sample fills with something that is not of this case.
    """
    if where in skip or ours is None or sample is None:
        return
    if type(ours) is not type(sample):
        yield f"{where} is {type(ours).__name__}, in the sample {type(sample).__name__}"
    elif isinstance(sample, dict):
        for name in sample:
            if f"{where}.{name}" in skip:
                continue
            if name not in ours:
                yield f"{where}.{name} is missing"
            else:
                yield from unlike(ours[name], sample[name], f"{where}.{name}", skip=skip)
