"""Events of what happened, newest first: https://docs.stripe.com/api/events"""

from stripe.params import EventListParams, EventRetrieveParams

from devstack.stripe_sandbox.lists import PAGE, filters, page
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json


def retrieve(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/events/retrieve"""
    return call.open("event", name)


def list_(call: Call) -> Json:
    """https://docs.stripe.com/api/events/list"""
    return page(call, "event", "/v1/events", filters(call, "type"))


ROUTES = [
    Route("GET", "/v1/events", list_, EventListParams, f"{PAGE} type"),
    Route("GET", "/v1/events/:id", retrieve, EventRetrieveParams),
]
