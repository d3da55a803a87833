"""The page at `/`: what is here, newest first, and buttons for what may befall it."""

import html
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from devstack.stripe_sandbox import reports
from devstack.stripe_sandbox.faults import EVENT_KINDS, KINDS
from devstack.stripe_sandbox.pages import HEAD
from devstack.stripe_sandbox.store import Json

if TYPE_CHECKING:
    from devstack.stripe_sandbox.sandbox import Sandbox

_SHOWN = 100
_ID = re.compile(r"&quot;([a-z]+(?:_[a-zA-Z0-9]+)+)&quot;")
_FAULT = {"kind": "drop_reply", "match": {"path": "/v1/payment_intents"}, "times": 1}
# What may be done to an object: its kind, the state it must be in or none, label, place, body.
_HANDS: tuple[tuple[str, str, str, str, Json], ...] = (
    (
        "payment_intent",
        "requires_action",
        "3-D Secure met",
        "authenticate",
        {"outcome": "complete"},
    ),
    ("payment_intent", "requires_action", "3-D Secure failed", "authenticate", {"outcome": "fail"}),
    ("setup_intent", "requires_action", "3-D Secure met", "authenticate", {"outcome": "complete"}),
    ("payment_intent", "requires_capture", "Let the hold lapse", "lapse", {}),
    ("payment_intent", "requires_capture", "Cancel under us", "payment_intents", {"do": "cancel"}),
    (
        "payment_intent",
        "requires_capture",
        "Capture under us",
        "payment_intents",
        {"do": "capture"},
    ),
    ("charge", "succeeded", "Charge back", "charge_back", {}),
    ("charge", "succeeded", "Inquire", "charge_back", {"inquiry": True}),
    ("charge", "succeeded", "Warn of fraud", "fraud_warnings", {}),
    ("dispute", "", "Won", "disputes", {"status": "won"}),
    ("dispute", "", "Lost", "disputes", {"status": "lost"}),
    ("refund", "pending", "Succeed", "refunds", {"status": "succeeded"}),
    ("refund", "", "Fail", "refunds", {"status": "failed"}),
    ("payout", "in_transit", "Paid", "payouts", {"status": "paid"}),
    ("payout", "", "Fail", "payouts", {"status": "failed"}),
    ("account", "", "Restrict", "accounts", {"transfers": "inactive"}),
    ("account", "", "Activate", "accounts", {"transfers": "active"}),
    ("account", "", "Leave the platform", "accounts", {"deauthorized": True}),
    ("event", "", "Send again", "events", {}),
    ("transfer", "", "Forget", "plant/forget", {}),
)


def page(sandbox: "Sandbox", query: dict[str, str], said: str = "") -> str:
    """The whole page: of one object when the query names its `id`, else of all or of one `type`.

    `said` is what the sandbox answered to a button.
    """
    told = f"<pre class=said>{_linked(said)}</pre>" if said else ""
    if "id" in query:
        return f"{HEAD}<p><a href='/'>All objects</a>{told}{_one(sandbox, query['id'])}"
    return (
        f"{HEAD}<h1>Stripe sandbox</h1>{told}{_faults(sandbox)}{_deliveries(sandbox)}"
        f"{_objects(sandbox, query.get('type', ''))}{_settings(sandbox)}"
    )


def _one(sandbox: "Sandbox", name: str) -> str:
    found = sandbox.store.rows("SELECT kind, body FROM object WHERE id = ?", name)
    if not found:
        return f"<h1>{html.escape(name)}</h1><p>There is no such object."
    kind, body = found[0][0], json.loads(found[0][1])
    buttons = "".join(
        _button(label, f"/_sandbox/{place}{'' if '/' in place else '/' + name}", wanted)
        for of, state, label, place, wanted in _for(name)
        if of == kind and state in ("", body.get("status"))
    )
    shown = _linked(json.dumps(body, indent=2))
    events = _table(
        ("created", "event", "type"),
        (
            (_time(created), _link(event), html.escape(kind_))
            for created, event, kind_ in sandbox.store.rows(
                "SELECT created, id, json_extract(body, '$.type') FROM object "
                "WHERE kind = 'event' AND json_extract(body, '$.data.object.id') = ? "
                "ORDER BY seq DESC LIMIT 50",
                name,
            )
        ),
    )
    return f"<h1>{html.escape(name)}</h1>{buttons}<pre>{shown}</pre><h2>Events</h2>{events}"


def _for(name: str) -> Iterable[tuple[str, str, str, str, Json]]:
    for of, state, label, place, wanted in _HANDS:
        yield of, state, label, place, {"id": name} if place == "plant/forget" else wanted


def _objects(sandbox: "Sandbox", kind: str) -> str:
    counts = sandbox.store.rows("SELECT kind, count(*) FROM object GROUP BY 1 ORDER BY 1")
    types = " · ".join(
        f"<a href='/?{urlencode({'type': name})}'>{name}</a> {count}" for name, count in counts
    )
    rows = sandbox.store.rows(
        "SELECT created, kind, id, coalesce(json_extract(body, '$.status'), "
        "json_extract(body, '$.type'), ''), coalesce(json_extract(body, '$.amount'), ''), "
        "coalesce(json_extract(body, '$.currency'), '') FROM object "
        "WHERE ? IN ('', kind) ORDER BY seq DESC LIMIT ?",
        kind,
        _SHOWN,
    )
    cells = (
        (_time(created), of, _link(name), status, str(amount), currency)
        for created, of, name, status, amount, currency in rows
    )
    head = ("created", "kind", "id", "status or type", "minor units", "currency")
    return (
        f"<h2>Objects</h2><p><a href='/'>all</a> · {types}"
        f"<p>The newest {_SHOWN}{' of type ' + html.escape(kind) if kind else ''}."
        f"{_table(head, cells)}"
    )


def _deliveries(sandbox: "Sandbox") -> str:
    rows = (
        (
            _link(row["event"]),
            row["type"],
            html.escape(row["url"] or row["endpoint"]),
            row["state"],
            str(row["attempts"]),
            html.escape(row["error"]),
            _button("Send again", f"/_sandbox/events/{row['event']}", {}),
        )
        for row in reports.deliveries(sandbox.store)[:20]
    )
    head = ("event", "type", "endpoint", "state", "attempts", "error", "")
    return f"<h2>Deliveries</h2>{_table(head, rows)}"


def _faults(sandbox: "Sandbox") -> str:
    rows = (
        (
            fault["kind"],
            html.escape(json.dumps(fault["match"])),
            "for ever" if fault["times"] is None else str(fault["times"]),
            str(fault["met"]),
            _button("Remove", f"/_sandbox/faults/{fault['id']}", {}, "DELETE"),
        )
        for fault in sandbox.faults.all()
    )
    kinds = "".join(
        f"<li><b>{kind}</b>: {html.escape(what)}" for kind, what in (KINDS | EVENT_KINDS).items()
    )
    return (
        f"<h2>Faults</h2>{_table(('kind', 'match', 'times left', 'met', ''), rows)}"
        "<form method=post><input type=hidden name=path value=/_sandbox/faults>"
        f"<textarea name=body rows=2 cols=90>{html.escape(json.dumps(_FAULT))}</textarea> "
        "<button>Add</button></form>"
        f"{_button('Clear all', '/_sandbox/faults', {}, 'DELETE')}"
        f"<details><summary>Kinds</summary><ul>{kinds}</ul></details>"
    )


def _settings(sandbox: "Sandbox") -> str:
    rows = ((name, str(value)) for name, value in sandbox.settings.all().items())
    return (
        f"<h2>Settings</h2><p>It is {_time(sandbox.settings.clock())}."
        f"{_table(('setting', 'value'), rows)}"
        "<form method=post><input type=hidden name=path value=/_sandbox/settings>"
        "<input type=hidden name=method value=PUT>"
        '<input name=body size=60 value="{&quot;clock_offset_seconds&quot;: 0}"> '
        "<button>Change</button></form>"
        f"{_button('Pay out all that is available', '/_sandbox/payouts', {})}"
    )


def _button(label: str, path: str, wanted: Json, method: str = "POST") -> str:
    fields = {"path": path, "body": json.dumps(wanted), "method": method}
    hidden = "".join(
        f'<input type=hidden name={name} value="{html.escape(value)}">'
        for name, value in fields.items()
    )
    return f"<form method=post>{hidden}<button>{label}</button></form>"


def _link(name: str) -> str:
    return f"<a href='/?{urlencode({'id': name})}'>{html.escape(name)}</a>"


def _linked(text: str) -> str:
    """JSON for a page, with links where it names objects."""
    return _ID.sub(lambda found: f'"{_link(found[1])}"', html.escape(text))


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    """Cells are HTML already."""
    lines = "".join("<tr>" + "".join(f"<td>{cell}" for cell in row) for row in rows)
    return f"<table><tr>{''.join(f'<th>{name}' for name in head)}{lines}</table>"
