"""Where events are sent: https://docs.stripe.com/api/webhook_endpoints"""

from urllib.parse import urlsplit

from stripe.params import (
    WebhookEndpointCreateParams,
    WebhookEndpointDeleteParams,
    WebhookEndpointListParams,
    WebhookEndpointRetrieveParams,
    WebhookEndpointUpdateParams,
)

from devstack.stripe_sandbox import deliveries
from devstack.stripe_sandbox.errors import InvalidRequest, RefusedParameter
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.lists import PAGE, page
from devstack.stripe_sandbox.metadata import merged
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json

# "You can choose to delay its expiration for up to 24 hours."
# https://docs.stripe.com/webhooks#roll-endpoint-secrets
_LONGEST_ROLL = 24 * 3600


def create(call: Call) -> Json:
    """Registers an address; the answer alone holds its secret. A Connect endpoint is told of the
    connected accounts and of nothing else, and has an application.

    https://docs.stripe.com/api/webhook_endpoints/create
    """
    params = call.params
    endpoint: Json = {
        "id": new_id("we"),
        "object": "webhook_endpoint",
        "api_version": params.get("api_version"),
        "application": "ca_sandbox" if params.get("connect") else None,
        "created": call.now,
        "description": params.get("description") or None,
        "enabled_events": params["enabled_events"],
        "livemode": False,
        "metadata": merged({}, params.get("metadata")),
        "status": "enabled",
        "url": _checked(params["url"]),
    }
    call.store.insert(endpoint)
    return endpoint | {"secret": _new_secret(call, endpoint)}


def update(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/webhook_endpoints/update"""
    endpoint = call.open("webhook_endpoint", name)
    params = call.params
    endpoint["metadata"] = merged(endpoint["metadata"], params.get("metadata"))
    if "description" in params:
        endpoint["description"] = params["description"] or None
    if "disabled" in params:
        endpoint["status"] = "disabled" if params["disabled"] else "enabled"
    if "enabled_events" in params:
        endpoint["enabled_events"] = params["enabled_events"]
    if "url" in params:
        endpoint["url"] = _checked(params["url"])
    call.store.update(endpoint)
    return endpoint


def retrieve(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/webhook_endpoints/retrieve"""
    return call.open("webhook_endpoint", name)


def list_(call: Call) -> Json:
    """https://docs.stripe.com/api/webhook_endpoints/list"""
    return page(call, "webhook_endpoint", "/v1/webhook_endpoints", {})


def delete(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/webhook_endpoints/delete"""
    call.open("webhook_endpoint", name)
    call.store.rows("DELETE FROM object WHERE id = ?", name)
    call.store.rows("DELETE FROM webhook_secret WHERE endpoint = ?", name)
    return {"id": name, "object": "webhook_endpoint", "deleted": True}


def roll(call: Call, name: str, wanted: Json) -> Json:
    """A new secret; for `expires_in` seconds, 0 unless given, events are signed with both.

    At Stripe a button of the Dashboard: https://docs.stripe.com/webhooks#roll-endpoint-secrets
    """
    endpoint = call.open("webhook_endpoint", name)
    overlap = wanted.get("expires_in", 0)
    if type(overlap) is not int or not 0 <= overlap <= _LONGEST_ROLL:
        raise InvalidRequest(f"Invalid expires_in: {overlap}", param="expires_in")
    call.store.rows(
        "UPDATE webhook_secret SET until = ? WHERE endpoint = ? AND until IS NULL",
        call.now + overlap,
        name,
    )
    return endpoint | {"secret": _new_secret(call, endpoint)}


def listen(call: Call, wanted: Json) -> Json:
    """Sees to it that an address is told of everything, signed with a secret that the caller may
    choose; asked for twice, there is one endpoint still. `connect` is as in `create`.

    As `stripe listen --forward-to` does: https://docs.stripe.com/cli/listen
    """
    known = {"url": str, "secret": str, "events": list, "connect": bool}
    for name, value in wanted.items():
        if name not in known or not isinstance(value, known[name]):
            raise InvalidRequest(f"Invalid {name}: {value}", param=name)
    application = "ca_sandbox" if wanted.get("connect") else None
    url = _checked(wanted.get("url", ""))
    for kept in call.store.find("webhook_endpoint", limit=100, fields={"url": url}):
        if kept["application"] == application:
            delete(call, kept["id"])
    asked = {
        "url": url,
        "enabled_events": wanted.get("events", ["*"]),
        "connect": bool(application),
    }
    made = create(call.with_params(asked))
    secret = wanted.get("secret", made["secret"])
    call.store.rows("UPDATE webhook_secret SET secret = ? WHERE endpoint = ?", secret, made["id"])
    return made | {"secret": secret}


def resend(call: Call, name: str, wanted: Json) -> Json:
    """Sends an event once more to every endpoint that listens now.

    https://docs.stripe.com/cli/events/resend
    """
    event = call.open("event", name)
    deliveries.enqueue(call.store, event, call.now)
    return event


def _checked(url: str) -> str:
    """Stripe wants an address on the Internet, and the secure one when live; here any will do.

    https://docs.stripe.com/error-codes#url-invalid
    """
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise RefusedParameter("Not a valid URL", "url_invalid", "url")
    return url


def _new_secret(call: Call, endpoint: Json) -> str:
    secret = new_id("whsec", 32)
    call.store.rows("INSERT INTO webhook_secret VALUES (?, ?, NULL)", endpoint["id"], secret)
    return secret


_URL = "/v1/webhook_endpoints"
_CREATE = "api_version connect description enabled_events metadata url"
_UPDATE = "description disabled enabled_events metadata url"
ROUTES = [
    Route("POST", _URL, create, WebhookEndpointCreateParams, _CREATE),
    Route("GET", _URL, list_, WebhookEndpointListParams, PAGE),
    Route("GET", f"{_URL}/:id", retrieve, WebhookEndpointRetrieveParams),
    Route("POST", f"{_URL}/:id", update, WebhookEndpointUpdateParams, _UPDATE),
    Route("DELETE", f"{_URL}/:id", delete, WebhookEndpointDeleteParams),
]
