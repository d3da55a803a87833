"""The sandbox's own endpoints: health, settings, faults, and the proofs that tests read."""

import html
import json
from typing import TYPE_CHECKING, Any

from devstack.stripe_sandbox.errors import ApiError, InvalidRequest, UnknownUrl
from devstack.stripe_sandbox.faults import KINDS

if TYPE_CHECKING:
    from devstack.stripe_sandbox.sandbox import Request, Sandbox

_JSON, _HTML = "application/json", "text/html; charset=utf-8"
_STANDING = "json_extract(body, '$.status') = 'requires_capture'"


def answer(sandbox: "Sandbox", request: "Request") -> tuple[int, str, str]:
    """Status, body and content type of one of the sandbox's own endpoints."""
    try:
        if (request.method, request.path) == ("GET", "/"):
            return 200, _page(sandbox), _HTML
        return 200, json.dumps(_answer(sandbox, request)), _JSON
    except ApiError as error:
        return error.status, json.dumps(error.body), _JSON


def _answer(sandbox: "Sandbox", request: "Request") -> Any:
    match request.method, request.path:
        case "GET", "/healthz":
            return {"status": "ok"}
        case "GET", "/_sandbox/settings":
            return sandbox.settings.all()
        case "PUT", "/_sandbox/settings":
            return sandbox.settings.change(_json(request))
        case "GET", "/_sandbox/faults":
            return {"data": sandbox.faults.all(), "kinds": KINDS}
        case "POST", "/_sandbox/faults":
            return sandbox.faults.add(_json(request))
        case "DELETE", "/_sandbox/faults":
            sandbox.faults.clear()
            return {"data": []}
        case "GET", "/_sandbox/totals":
            return totals(sandbox)
        case "GET", "/_sandbox/holds":
            return {"data": holds(sandbox)}
    raise UnknownUrl(request.method, request.path)


def holds(sandbox: "Sandbox") -> list[dict[str, Any]]:
    """Every PaymentIntent, oldest first, with the order and the operation that asked for it."""
    columns = ("id", "metadata.order_id", "metadata.operation_id", "amount", "currency", "status")
    names = ("payment_intent", "order_id", "operation_id", "amount", "currency", "status")
    picked = ", ".join(f"json_extract(body, '$.{column}')" for column in columns)
    rows = sandbox.store.rows(
        f"SELECT {picked} FROM object WHERE kind = 'payment_intent' ORDER BY seq"
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def totals(sandbox: "Sandbox") -> dict[str, Any]:
    """Counts, and sums in minor units, over all that happened here since the state was made."""
    rows = sandbox.store.rows
    intents = rows(
        "SELECT json_extract(body, '$.status'), json_extract(body, '$.currency'), count(*), "
        "sum(json_extract(body, '$.amount')), sum(json_extract(body, '$.amount_received')) "
        "FROM object WHERE kind = 'payment_intent' GROUP BY 1, 2 ORDER BY 1, 2"
    )
    standing = rows(
        "SELECT json_extract(body, '$.metadata.order_id'), json_extract(body, '$.currency'), "
        "count(*), sum(json_extract(body, '$.amount_capturable')) "
        f"FROM object WHERE kind = 'payment_intent' AND {_STANDING} GROUP BY 1, 2 ORDER BY 1, 2"
    )
    named = rows("SELECT kind, name, value FROM counter ORDER BY kind, name")
    return {
        "payment_intents": [
            dict(zip(("status", "currency", "count", "amount", "received"), row, strict=True))
            for row in intents
        ],
        "holds_standing": [
            dict(zip(("order_id", "currency", "count", "amount"), row, strict=True))
            for row in standing
        ],
        "objects": dict(rows("SELECT kind, count(*) FROM object GROUP BY kind")),
        "requests": {name: value for kind, name, value in named if kind == "request"},
        "replays": sum(value for kind, _, value in named if kind == "idempotency"),
        "faults": {name: value for kind, name, value in named if kind == "fault"},
    }


def _json(request: "Request") -> dict[str, Any]:
    try:
        given = json.loads(request.body or b"{}")
    except ValueError as error:
        raise InvalidRequest(f"Invalid JSON: {error}") from error
    if not isinstance(given, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return given


def _page(sandbox: "Sandbox") -> str:
    """A plain look at what is here: the newest objects, the faults, the settings."""
    newest = sandbox.store.rows(
        "SELECT created, kind, id, coalesce(json_extract(body, '$.status'), "
        "json_extract(body, '$.type'), '') FROM object ORDER BY seq DESC LIMIT 200"
    )
    faults = [tuple(fault.values()) for fault in sandbox.faults.all()]
    settings = list(sandbox.settings.all().items())
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Stripe sandbox</title>"
        "<style>body{font:15px system-ui;margin:2rem}td,th{padding:.1rem .8rem;text-align:left}"
        "</style><h1>Stripe sandbox</h1>"
        f"<h2>Settings</h2>{_table(('setting', 'value'), settings)}"
        f"<h2>Faults</h2>{_table(_FAULT_COLUMNS, faults)}"
        f"<h2>Newest objects</h2>{_table(('created', 'kind', 'id', 'status'), newest)}"
    )


_FAULT_COLUMNS = ("kind", "match", "times left", "probability", "seconds", "code", "met", "id")


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    def line(cells: tuple[Any, ...], tag: str) -> str:
        inner = "".join(f"<{tag}>{html.escape(str(cell))}" for cell in cells)
        return f"<tr>{inner}"

    return f"<table>{line(head, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"
