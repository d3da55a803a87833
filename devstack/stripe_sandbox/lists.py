"""Lists, newest first, with cursors: https://docs.stripe.com/api/pagination"""

from collections.abc import Mapping, Sequence

from devstack.stripe_sandbox.errors import RefusedParameter, ResourceMissing
from devstack.stripe_sandbox.routes import Call
from devstack.stripe_sandbox.store import Json

# What every list honours.
PAGE = "limit starting_after ending_before created expand"
_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


Condition = tuple[str, int | str | None]


def page(
    call: Call,
    kind: str,
    url: str,
    fields: Mapping[str, str],
    more: Sequence[Condition] = (),
) -> Json:
    """One page of the objects of a kind whose fields have these values, and that meet `more`.

    Raises RefusedParameter for a limit outside 1 to 100, ResourceMissing for an unknown cursor.
    """
    params = call.params
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise RefusedParameter(
            f"Invalid integer: {limit} must be between 1 and 100.",
            "parameter_invalid_integer",
            "limit",
        )
    if "starting_after" in params and "ending_before" in params:
        raise RefusedParameter("You may only specify one of ending_before and starting_after.")
    backwards = "ending_before" in params
    conditions = [*_created(params.get("created", {})), *more]
    for cursor, comparison in (("starting_after", "seq < ?"), ("ending_before", "seq > ?")):
        if cursor in params:
            seq = call.store.seq(kind, params[cursor])
            if seq is None:
                raise ResourceMissing(kind, params[cursor], cursor)
            conditions.append((comparison, seq))
    found = call.store.find(
        kind, limit=limit + 1, fields=fields, conditions=conditions, oldest_first=backwards
    )
    data = found[:limit]
    if backwards:
        data.reverse()
    return {"object": "list", "data": data, "has_more": len(found) > limit, "url": url}


def filters(call: Call, *names: str) -> dict[str, str]:
    """Those parameters that were given, as fields to match."""
    return {name: call.params[name] for name in names if name in call.params}


def _created(wanted: Mapping[str, int] | int) -> list[Condition]:
    if isinstance(wanted, int):
        return [("created = ?", wanted)]
    return [(f"created {_COMPARISONS[name]} ?", value) for name, value in wanted.items()]
