"""Pages for people: what is here, onboarding, and the bank's 3-D Secure challenge."""

import html
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from devstack.stripe_sandbox.errors import InvalidRequest
from devstack.stripe_sandbox.resources import accounts, confirmation, setup_intents
from devstack.stripe_sandbox.routes import Call
from devstack.stripe_sandbox.store import Json

if TYPE_CHECKING:
    from devstack.stripe_sandbox.exchange import Request
    from devstack.stripe_sandbox.sandbox import Sandbox

_HEAD = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Stripe sandbox</title>"
    "<style>body{font:15px system-ui;margin:2rem}td,th{padding:.1rem .8rem;text-align:left}</style>"
)


def onboarding(sandbox: "Sandbox", request: "Request") -> str:
    """The page behind an account link: one button, which gives Stripe all it wants to know."""
    name = request.path.rpartition("/")[2]
    if request.method == "POST":
        with sandbox.changing():
            accounts.finish_onboarding(sandbox.call(), name)
    back = dict(parse_qsl(request.query)).get("return_url", "")
    link = f'<a href="{html.escape(back)}">Back to the platform</a>'
    form = "<form method=post><button>Finish onboarding</button></form>"
    return (
        f"{_HEAD}<h1>Onboarding of {html.escape(name)}</h1>"
        f"{link if request.method == 'POST' else form}"
    )


_OUTCOMES = {"complete": "Complete", "fail": "Fail", "abandon": "Walk away"}


def authenticate(call: Call, name: str, wanted: Json) -> Json:
    """The customer answers the bank: `outcome` is complete, fail or abandon. Who walks away leaves
    everything as it is. Returns the PaymentIntent or SetupIntent.

    https://docs.stripe.com/testing#authentication-and-setup
    """
    outcome = wanted.get("outcome")
    if outcome not in _OUTCOMES:
        raise InvalidRequest(f"outcome must be one of {', '.join(_OUTCOMES)}.", param="outcome")
    setting_up = name.startswith("seti_")
    intent = call.open("setup_intent" if setting_up else "payment_intent", name)
    if outcome != "abandon":
        resource: Any = setup_intents if setting_up else confirmation
        resource.authenticated(call, intent, proven=outcome == "complete")
    return intent


def authentication(sandbox: "Sandbox", request: "Request") -> str:
    """The page behind `next_action`, and where it sends the customer back to.

    https://docs.stripe.com/payments/3d-secure/authentication-flow#return-url
    """
    name = request.path.rpartition("/")[2]
    kind = "setup_intent" if name.startswith("seti_") else "payment_intent"
    intent = sandbox.call().open(kind, name)
    title = f"{_HEAD}<h1>3-D Secure for {html.escape(name)}</h1>"
    if request.method != "POST":
        buttons = "".join(
            f"<button name=outcome value={value}>{label}</button> "
            for value, label in _OUTCOMES.items()
        )
        return f"{title}<p>It is {intent['status']}.<form method=post>{buttons}</form>"
    action = intent["next_action"] or {}
    back = action.get("redirect_to_url", {}).get("return_url") or ""
    with sandbox.changing():
        intent = authenticate(sandbox.call(), name, dict(parse_qsl(request.body.decode())))
    done = intent["status"] in ("succeeded", "requires_capture")
    told = {
        kind: name,
        f"{kind}_client_secret": intent["client_secret"],
        "redirect_status": "succeeded" if done else "failed",
    }
    link = html.escape(f"{back}{'&' if '?' in back else '?'}{urlencode(told)}")
    onward = f'<p><a href="{link}">Back to the shop</a>' if back else ""
    return f"{title}<p>It is {intent['status']} now.{onward}"


def index(sandbox: "Sandbox") -> str:
    """A plain look at what is here: the newest objects, the faults, the settings."""
    newest = sandbox.store.rows(
        "SELECT created, kind, id, coalesce(json_extract(body, '$.status'), "
        "json_extract(body, '$.type'), '') FROM object ORDER BY seq DESC LIMIT 200"
    )
    faults = [tuple(fault.values()) for fault in sandbox.faults.all()]
    settings = list(sandbox.settings.all().items())
    return (
        f"{_HEAD}<h1>Stripe sandbox</h1>"
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
