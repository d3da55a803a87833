"""One request's way through the sandbox: authentication, faults, key, parameters, effect, reply."""

import json
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stripe

from devstack.stripe_sandbox import control
from devstack.stripe_sandbox.courier import Courier
from devstack.stripe_sandbox.errors import (
    ApiError,
    RefusedParameter,
    ServerError,
    UnknownUrl,
)
from devstack.stripe_sandbox.exchange import (
    HangUp,
    Reply,
    Request,
    authenticate,
    form_of,
    version_of,
)
from devstack.stripe_sandbox.expand import expanded
from devstack.stripe_sandbox.faults import Faults, Fired, Target
from devstack.stripe_sandbox.forms import pairs
from devstack.stripe_sandbox.idempotency import KeyedRequest, Keys, StoredReply, keyed
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.later import let_time_pass
from devstack.stripe_sandbox.limits import Limiter
from devstack.stripe_sandbox.resources import (
    accounts,
    balance,
    charges,
    customers,
    disputes,
    events,
    fraud_warnings,
    payment_intents,
    payment_methods,
    payouts,
    refunds,
    setup_intents,
    transfer_reversals,
    transfers,
    webhook_endpoints,
)
from devstack.stripe_sandbox.routes import Call, Route, Router
from devstack.stripe_sandbox.settings import SettingsBook
from devstack.stripe_sandbox.store import Store

_RESOURCES = (
    customers,
    payment_methods,
    payment_intents,
    setup_intents,
    charges,
    refunds,
    balance,
    accounts,
    transfers,
    transfer_reversals,
    payouts,
    disputes,
    fraud_warnings,
    events,
    webhook_endpoints,
)
_OWN_PATHS = ("/_sandbox", "/healthz")


class Sandbox:
    """The part of Stripe that CampusG uses, over one state folder."""

    def __init__(self, state: Path) -> None:
        self.store = Store(state / "sandbox.sqlite3")
        self.settings = SettingsBook(self.store)
        self.faults = Faults(self.store)
        self.stopping = threading.Event()
        self._keys = Keys(self.store)
        self._limiter = Limiter()
        self.courier = Courier(
            self.store, self.faults, self.settings, self.stopping, self.let_time_pass
        )
        self._router = Router([route for module in _RESOURCES for route in module.ROUTES])

    def answer(self, request: Request) -> Reply:
        """Answers one request. Raises HangUp when its connection is to be reset."""
        if request.path == "/" or request.path.startswith(_OWN_PATHS):
            status, body, content_type = control.answer(self, request)
            return Reply(status, body, content_type=content_type)
        request_id = new_id("req", 14)
        found = self._router.find(request.method, request.path)
        name = f"{request.method} {found[0].path if found else '(unknown)'}"
        try:
            reply = self._guarded(request, request_id, found)
        except HangUp:
            self.store.count("request", f"{name} hung up")
            raise
        self.store.count("request", f"{name} {reply.status}")
        reply.headers["Request-Id"] = request_id
        reply.headers["Stripe-Version"] = version_of(request)
        return reply

    def _guarded(
        self, request: Request, request_id: str, found: tuple[Route, tuple[str, ...]] | None
    ) -> Reply:
        try:
            authenticate(request.headers.get("authorization", ""))
            if found is None:
                raise UnknownUrl(request.method, request.path)
            self._limiter.admit(found[0].path, self.settings.now_in_force)
            return self._faulted(request, request_id, *found)
        except ApiError as error:
            return Reply(error.status, json.dumps(error.body), dict(error.headers))
        except HangUp:
            raise
        except Exception:
            if self.stopping.is_set():  # the store may have been closed under this request
                raise HangUp from None
            # A defect of the sandbox must look like Stripe's 500, and be seen by a person.
            traceback.print_exc()
            return Reply(500, json.dumps(ServerError().body))

    def _faulted(
        self, request: Request, request_id: str, route: Route, ids: tuple[str, ...]
    ) -> Reply:
        flat = pairs(request.query) + form_of(request)
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        target = Target(request.method, request.path, dict(flat), lambda: self._metadata(flat, ids))
        seed, now = self.settings.now_in_force.seed, self.settings.clock()
        fired = self.faults.fire(target, seed, key, now)
        if fired.refusal:
            raise fired.refusal
        if fired.drop == "request":
            raise HangUp
        work = _Work(request, request_id, route, ids, flat, fired)
        reply = self._keyed(work, key) if key else self._executed(work, None)
        if fired.webhook_first:
            self.courier.await_first_attempts(request_id, fired.webhook_first)
        self._wait(fired.after)
        if fired.drop == "reply":
            raise HangUp
        return reply

    def _keyed(self, work: "_Work", key: str) -> Reply:
        account = work.request.headers.get("stripe-account", "")
        request = keyed(account, key, f"{work.request.method} {work.request.path}", work.flat)
        with self._keys.claimed(request, self.settings.clock()) as stored:
            if stored is None:
                reply = self._executed(work, request)
            else:
                self.store.count("idempotency", "replayed")
                reply = Reply(stored.status, stored.body)
                reply.headers["Idempotent-Replayed"] = "true"
                reply.headers["Original-Request"] = stored.request_id
        reply.headers["Idempotency-Key"] = key
        return reply

    def _executed(self, work: "_Work", key: KeyedRequest | None) -> Reply:
        """Runs the endpoint; its effect and the stored reply are one transaction."""
        params = work.route.typed(work.flat)
        # No lock is held while the bank thinks.
        self._wait(self.settings.now_in_force.latency_ms / 1000 + work.fired.before)
        self.let_time_pass()
        call = self.call(
            params=params,
            api_version=version_of(work.request),
            request_id=work.request_id,
            idempotency_key=key.key if key else None,
            account=work.request.headers.get("stripe-account"),
            origin=f"http://{work.request.headers.get('host', '')}",
            capture_fails=work.fired.capture_fails,
        )
        if work.request.method == "GET":
            with self.store.reading():
                return _run(call, work)
        with self.changing():
            reply = _run(call, work)
            if key:
                stored = StoredReply(reply.status, reply.body, work.request_id)
                self._keys.remember(key, stored, call.now)
        return reply

    def call(self, **of_request: Any) -> Call:
        """What a handler is given; without a request, for what happens by itself."""
        return Call(
            **{
                "store": self.store,
                "settings": self.settings.now_in_force,
                "now": self.settings.clock(),
                "params": {},
                "api_version": stripe.api_version,
                **of_request,
            }
        )

    def let_time_pass(self) -> None:
        """Does what has come due since the last request."""
        if self.store.is_due(self.settings.clock()):
            with self.changing():
                let_time_pass(self.call())

    @contextmanager
    def changing(self) -> Iterator[None]:
        """One transaction; when it is committed, its events are on their way."""
        with self.store.transaction():
            yield
        self.courier.wake()

    def _metadata(self, flat: list[tuple[str, str]], ids: tuple[str, ...]) -> dict[str, str]:
        own = {k[9:-1]: v for k, v in flat if k.startswith("metadata[") and k.endswith("]")}
        for name in ids:
            for (kept,) in self.store.rows(
                "SELECT json_extract(body, '$.metadata') FROM object WHERE id = ?", name
            ):
                own = {**json.loads(kept or "{}"), **own}
        return own

    def _wait(self, seconds: float) -> None:
        if seconds and self.stopping.wait(seconds):
            raise HangUp


@dataclass(frozen=True)
class _Work:
    request: Request
    request_id: str
    route: Route
    ids: tuple[str, ...]
    flat: list[tuple[str, str]]
    fired: Fired


def _run(call: Call, work: _Work) -> Reply:
    """The endpoint's own answer; RefusedParameter passes through, for then it has not started."""
    failed = Reply(500, json.dumps(ServerError().body))
    if work.fired.stored_500 == "before":
        return failed
    try:
        if work.fired.answer:
            raise work.fired.answer
        result: Any = work.route.handler(call, *work.ids)
        reply = Reply(200, json.dumps(expanded(call.store, result, call.params.get("expand", []))))
    except RefusedParameter:
        raise
    except ApiError as error:
        # Refused, it has had no effect that the fault could come after.
        return Reply(error.status, json.dumps(error.body), dict(error.headers))
    return failed if work.fired.stored_500 == "after" else reply
