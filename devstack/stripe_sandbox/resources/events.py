"""Events of what happened, newest first: https://docs.stripe.com/api/events"""

import json

from stripe.params import EventListParams, EventRetrieveParams

from devstack.stripe_sandbox.errors import NoAccess, RefusedParameter
from devstack.stripe_sandbox.lists import PAGE, Condition, filters, page
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json

# "Stripe only returns events created in the last 30 days."
# https://docs.stripe.com/webhooks/process-undelivered-events
_REACH = 30 * 86_400


def retrieve(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/events/retrieve"""
    return call.open("event", name)


def list_(call: Call) -> Json:
    """With `delivery_success` false: the events that some endpoint still lacks.

    https://docs.stripe.com/api/events/list
    """
    params = call.params
    if "type" in params and "types" in params:
        raise RefusedParameter("You may pass either `type` or `types`, but not both.")
    if call.account and call.store.get("account", call.account) is None:
        raise NoAccess(call.account)
    # What happened to a connected account is listed for that account only.
    more: list[Condition] = [("json_extract(body, '$.account') IS ?", call.account)]
    more.append(("created > ?", call.now - _REACH))
    if "delivery_success" in params:
        compared = "= ?" if params["delivery_success"] else "> ?"
        more.append((f"json_extract(body, '$.pending_webhooks') {compared}", 0))
    if "*" in params.get("type", ""):
        more.append(("json_extract(body, '$.type') GLOB ?", params.pop("type")))
    if "types" in params:
        chosen = "json_extract(body, '$.type') IN (SELECT value FROM json_each(?))"
        more.append((chosen, json.dumps(params["types"])))
    return page(call, "event", "/v1/events", filters(call, "type"), more)


ROUTES = [
    Route("GET", "/v1/events", list_, EventListParams, f"{PAGE} delivery_success type types"),
    Route("GET", "/v1/events/:id", retrieve, EventRetrieveParams),
]
