"""Decodes the form bodies and query strings that Stripe's libraries send.

`metadata[order_id]=7&expand[0]=customer` becomes nested dictionaries whose keys and leaves are all
text; what is a list and what an integer is decided by the parameter types (`params.py`).
https://docs.stripe.com/api#intro ("accepts form-encoded request bodies")
"""

import re
from typing import Any
from urllib.parse import parse_qsl

from devstack.stripe_sandbox.errors import RefusedParameter

_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_PART = re.compile(r"\[([^\[\]]*)\]")
# Stripe documents no depth; its deepest parameters have six levels.
_MAX_DEPTH = 10


def pairs(encoded: str) -> list[tuple[str, str]]:
    """The decoded (name, value) pairs of a form or a query string, in order.

    Raises RefusedParameter when the text is not form-encoded UTF-8.
    """
    try:
        return parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError as error:
        raise RefusedParameter(f"Invalid form encoding: {error}") from error


def nest(flat: list[tuple[str, str]]) -> dict[str, Any]:
    """Nested dictionaries from flat pairs; `a[]` numbers its items in the order of arrival.

    Raises RefusedParameter for a name that is both a value and a hash, or badly bracketed.
    """
    tree: dict[str, Any] = {}
    for name, value in flat:
        match = _NAME.match(name)
        path = [match[1], *_PART.findall(match[2])] if match else []
        if not path or len(path) > _MAX_DEPTH:
            raise RefusedParameter(f"Invalid parameter name: {name}", param=name)
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key or str(len(node)), {})
            if not isinstance(node, dict):
                raise RefusedParameter(f"{name} is both a value and a hash", param=name)
        last = path[-1] or str(len(node))
        if isinstance(node.get(last), dict):
            raise RefusedParameter(f"{name} is both a value and a hash", param=name)
        node[last] = value
    return tree
