"""Pages for people: onboarding, and the bank's 3-D Secure challenge."""

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

HEAD = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Stripe sandbox</title>"
    "<style>body{font:15px system-ui;margin:2rem}td,th{padding:.1rem .8rem;text-align:left}"
    "form{display:inline}.said{background:#eef;padding:1rem}</style>"
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
        f"{HEAD}<h1>Onboarding of {html.escape(name)}</h1>"
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
    title = f"{HEAD}<h1>3-D Secure for {html.escape(name)}</h1>"
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
