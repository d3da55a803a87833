"""What an endpoint is, and what its handler is given."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from devstack.stripe_sandbox import deliveries
from devstack.stripe_sandbox.errors import RefusedParameter, ResourceMissing
from devstack.stripe_sandbox.forms import nest
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.params import checked
from devstack.stripe_sandbox.settings import Settings
from devstack.stripe_sandbox.store import Json, Store


@dataclass(frozen=True)
class Call:
    """One request on its way through an endpoint: who asks for what, when, against which world.

    `params` are typed. A handler validates all before it writes anything: what it has written
    stays when it then raises an ApiError, because a declined charge is a fact too.
    """

    store: Store
    settings: Settings
    now: int
    params: Json
    api_version: str
    request_id: str | None = None  # None for what happens by itself
    idempotency_key: str | None = None
    account: str | None = None  # the connected account that the request speaks for
    origin: str = ""  # where the client has found this server
    capture_fails: str = ""  # a fault: "declined", or the code of a hold that has lapsed unseen
    quiet: bool = False  # what is planted for reconciliation to find is told to nobody

    def load(self, kind: str, name: str, param: str) -> Json:
        """The object that a parameter names. Raises ResourceMissing (400)."""
        found = self.store.get(kind, name)
        if found is None:
            raise ResourceMissing(kind, name, param)
        return found

    def open(self, kind: str, name: str) -> Json:
        """The object that the path names. Raises ResourceMissing (404)."""
        found = self.store.get(kind, name)
        if found is None:
            raise ResourceMissing(kind, name, _PATH_PARAM.get(kind, "id"), in_path=True)
        return found

    def emit(
        self, event_type: str, obj: Json, previous: Json | None = None, account: str | None = None
    ) -> None:
        """Records an event with a snapshot of its object; https://docs.stripe.com/api/events

        `account` is the connected account that it happened to, if not the platform.
        https://docs.stripe.com/connect/webhooks
        """
        if self.quiet:
            return
        data: Json = {"object": obj}
        if previous is not None:
            data["previous_attributes"] = previous
        event = ({"account": account} if account else {}) | {
            "id": new_id("evt"),
            "object": "event",
            "api_version": self.api_version,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": event_type,
        }
        event["pending_webhooks"] = deliveries.enqueue(self.store, event, self.now)
        self.store.insert(event)

    def with_params(self, params: Json, *, quiet: bool | None = None) -> "Call":
        """The same call for other parameters, and perhaps without events."""
        return replace(self, params=params, quiet=self.quiet if quiet is None else quiet)


# Stripe names the missing object of a path by the last part of its own parameter name.
_PATH_PARAM = {"payment_intent": "intent", "payment_method": "payment_method"}

Handler = Callable[..., Json]


@dataclass(frozen=True)
class Route:
    """A method and a path such as `/v1/charges/:id`, with its handler.

    `published` is the SDK's type of its parameters, `honours` names those that the sandbox acts
    on: a parameter that Stripe knows and we would ignore is refused, so that no test passes
    because of something that did not happen.
    """

    method: str
    path: str
    handler: Handler
    published: type
    honours: str = ""

    def typed(self, flat: list[tuple[str, str]]) -> dict[str, Any]:
        """The parameters of a request. Raises RefusedParameter."""
        params = checked(self.published, nest(flat))
        for name in params:
            if name not in ("expand", *self.honours.split()):
                raise RefusedParameter(
                    f"Stripe knows `{name}` here, but this sandbox does not act on it.", param=name
                )
        return params


class Router:
    """Finds the route of a request."""

    def __init__(self, routes: list[Route]) -> None:
        self._routes = [
            (route, re.compile(re.sub(r":id", r"([^/]+)", route.path) + "$")) for route in routes
        ]

    def find(self, method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
        """The route and the ids in its path, or None."""
        for route, pattern in self._routes:
            match = pattern.match(path) if route.method == method else None
            if match:
                return route, match.groups()
        return None
