"""Checks a request's parameters against the types that Stripe's own Python library publishes.

The SDK ships a TypedDict for the parameters of each endpoint (`stripe.params.*`), generated from
Stripe's OpenAPI description. Walking those types keeps the sandbox from accepting what Stripe
would refuse. https://docs.stripe.com/error-codes#parameter-unknown
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from stripe import RequestOptions
from typing_extensions import is_typeddict

from devstack.stripe_sandbox.errors import RefusedParameter

# A check takes the decoded value and the parameter's name, and returns the typed value.
Check = Callable[[Any, str], Any]

_INTEGER = re.compile(r"^-?\d{1,18}$")
_DECIMAL = re.compile(r"^-?\d{1,18}(\.\d{1,12})?$")
_BOOLEANS = {"true": True, "false": False}
# What Stripe took away answers with a code of its own.
# https://docs.stripe.com/changelog/endive/2026-09-30/removes-the-payment-method-types-parameter-from-payment-intents-and-setup-intents
_REMOVED = {"payment_method_types": "payment_method_types_no_longer_supported"}
# The library's own call options (api_key, idempotency_key …) travel as headers, not as parameters.
_CALL_OPTIONS = frozenset(RequestOptions.__annotations__)


def checked(published: type, values: dict[str, Any]) -> dict[str, Any]:
    """The request's parameters, typed as `published` declares them.

    Raises RefusedParameter in Stripe's words for an unknown, ill-typed or missing one.
    """
    result: dict[str, Any] = _check_of(published)(values, "")
    return result


@cache
def _check_of(hint: Any) -> Check:
    if is_typeddict(hint):
        return _hash_check(hint)
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _union_check([arg for arg in get_args(hint) if arg is not NoneType])
    if origin is Literal:
        return _enum_check([str(arg) for arg in get_args(hint)])
    if origin is list:
        return _list_check(_check_of(get_args(hint)[0]))
    if origin is dict:
        return _map_check(_check_of(get_args(hint)[1]))
    simple: dict[Any, Check] = {
        str: _text,
        int: _integer,
        bool: _boolean,
        float: _decimal,
        Decimal: _decimal,
        Any: _anything,
    }
    return simple[hint]


def _hash_check(hint: type) -> Check:
    # These two names type only call options, and are not in the module of the parameters.
    hints = get_type_hints(hint, localns={"StripeContext": object, "Mapping": Mapping})
    fields = {name: type_ for name, type_ in hints.items() if name not in _CALL_OPTIONS}
    required = hint.__required_keys__ - _CALL_OPTIONS  # type: ignore[attr-defined]

    def check(value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _ill_typed("hash", name)
        for key in value:
            if key not in fields:
                full = _join(name, key)
                raise RefusedParameter(
                    f"Received unknown parameter: {full}",
                    _REMOVED.get(full, "parameter_unknown"),
                    full,
                )
        for key in sorted(required):
            if key not in value:
                full = _join(name, key)
                raise RefusedParameter(
                    f"Missing required param: {full}.", "parameter_missing", full
                )
        return {key: _check_of(fields[key])(item, _join(name, key)) for key, item in value.items()}

    return check


def _union_check(options: list[Any]) -> Check:
    closed = [str(a) for o in options if get_origin(o) is Literal for a in get_args(o)]
    values = [value for value in closed if value]
    scalars = [o for o in options if o in (int, bool, float, Decimal, str)]
    if values:
        # The SDK types an enum as `Literal[...] | str` so that old code meets new values in
        # replies; in a request Stripe refuses a value outside the documented ones.
        scalars = [o for o in scalars if o is not str]
    checks = [_check_of(o) for o in scalars] + ([_enum_check(values)] if values else [])
    nested = [
        _check_of(o) for o in options if is_typeddict(o) or get_origin(o) in (list, dict, Union)
    ]

    def check(value: Any, name: str) -> Any:
        if value == "" and "" in closed:
            return ""
        candidates = nested if isinstance(value, dict) else checks
        refusal: RefusedParameter | None = None
        for candidate in candidates or [*checks, *nested]:
            try:
                return candidate(value, name)
            except RefusedParameter as error:
                refusal = refusal or error
        raise refusal or RefusedParameter(f"Invalid {name}", param=name)

    return check


def _list_check(item: Check) -> Check:
    def check(value: Any, name: str) -> list[Any]:
        if not isinstance(value, dict) or not all(key.isdigit() for key in value):
            raise _ill_typed("array", name)
        return [item(value[key], f"{name}[{key}]") for key in sorted(value, key=int)]

    return check


def _map_check(item: Check) -> Check:
    def check(value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _ill_typed("hash", name)
        # An empty value unsets one key of a map such as metadata, so it is legal here.
        return {
            key: "" if inner == "" else item(inner, _join(name, key))
            for key, inner in value.items()
        }

    return check


def _enum_check(values: list[str]) -> Check:
    def check(value: Any, name: str) -> Any:
        if value not in values:
            listed = values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"
            raise RefusedParameter(f"Invalid {name}: must be one of {listed}", param=name)
        return value

    return check


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _ill_typed("string", name)
    if value == "":
        raise RefusedParameter(
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to "
            f"unset a field; however '{name}' cannot be unset. You should remove '{name}' from "
            "your request or supply a non-empty value.",
            "parameter_invalid_empty",
            name,
        )
    return value


def _integer(value: Any, name: str) -> int:
    if not isinstance(value, str) or not _INTEGER.match(value):
        raise RefusedParameter(f"Invalid integer: {value}", "parameter_invalid_integer", name)
    return int(value)


def _decimal(value: Any, name: str) -> str:
    if not isinstance(value, str) or not _DECIMAL.match(value):
        raise _ill_typed("decimal", name)
    return value


def _boolean(value: Any, name: str) -> bool:
    if not isinstance(value, str) or value not in _BOOLEANS:
        raise RefusedParameter(f"Invalid boolean: {value}", param=name)
    return _BOOLEANS[value]


def _anything(value: Any, name: str) -> Any:
    return value


def _ill_typed(wanted: str, name: str) -> RefusedParameter:
    return RefusedParameter(f"Invalid {wanted}: {name}", param=name)


def _join(prefix: str, key: str) -> str:
    return f"{prefix}[{key}]" if prefix else key
