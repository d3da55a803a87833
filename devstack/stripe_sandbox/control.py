"""The sandbox's own endpoints: health, settings, faults, and the proofs that tests read."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from devstack.stripe_sandbox import overview, pages, planting, reports
from devstack.stripe_sandbox.errors import ApiError, InvalidRequest, UnknownUrl
from devstack.stripe_sandbox.faults import EVENT_KINDS, KINDS
from devstack.stripe_sandbox.resources import (
    accounts,
    disputes,
    fraud_warnings,
    payment_intents,
    payouts,
    refunds,
    webhook_endpoints,
)
from devstack.stripe_sandbox.routes import Call
from devstack.stripe_sandbox.store import Json, Store

if TYPE_CHECKING:
    from devstack.stripe_sandbox.exchange import Request
    from devstack.stripe_sandbox.sandbox import Sandbox

_JSON, _HTML = "application/json", "text/html; charset=utf-8"


def answer(sandbox: "Sandbox", request: "Request") -> tuple[int, str, str]:
    """Status, body and content type of one of the sandbox's own endpoints."""
    try:
        if request.path == "/":
            return 200, _overview(sandbox, request), _HTML
        if request.path.startswith("/_sandbox/onboarding/"):
            return 200, pages.onboarding(sandbox, request), _HTML
        if request.path.startswith("/_sandbox/authenticate/") and not _is_json(request):
            return 200, pages.authentication(sandbox, request), _HTML
        return 200, json.dumps(_answer(sandbox, request)), _JSON
    except ApiError as error:
        return error.status, json.dumps(error.body), _JSON


def _overview(sandbox: "Sandbox", request: "Request") -> str:
    """The page at `/`. A button there posts a call of one of the endpoints here."""
    query = dict(parse_qsl(request.query))
    if request.method != "POST":
        return overview.page(sandbox, query)
    asked = dict(parse_qsl(request.body.decode()))
    call = replace(
        request,
        method=asked.get("method", "POST"),
        path=asked.get("path", "/"),
        query="",
        body=asked.get("body", "").encode(),
    )
    try:
        said = json.dumps(_answer(sandbox, call), indent=2)
    except ApiError as error:
        said = json.dumps(error.body, indent=2)
    return overview.page(sandbox, query, said)


def _answer(sandbox: "Sandbox", request: "Request") -> Any:
    match request.method, request.path.strip("/").split("/"):
        case "GET", ["healthz"]:
            return {"status": "ok"}
        case "GET", ["_sandbox", "settings"]:
            return sandbox.settings.all()
        case "PUT", ["_sandbox", "settings"]:
            changed = sandbox.settings.change(_json(request))
            sandbox.courier.wake()  # the clock may have been moved
            return changed
        case "GET", ["_sandbox", "faults"]:
            return {"data": sandbox.faults.all(), "kinds": KINDS | EVENT_KINDS}
        case "POST", ["_sandbox", "faults"]:
            return sandbox.faults.add(_json(request))
        case "DELETE", ["_sandbox", "faults", number] if number.isdigit():
            sandbox.faults.remove(int(number))
            return {"data": sandbox.faults.all()}
        case "DELETE", ["_sandbox", "faults"]:
            sandbox.faults.clear()
            sandbox.courier.release()
            return {"data": []}
        case "GET", ["_sandbox", "balance"]:
            sandbox.let_time_pass()
            moment = dict(parse_qsl(request.query)).get("at", "")
            at = int(moment) if moment.isdigit() else sandbox.settings.clock()
            return reports.balance_at(sandbox.store, at)
        case "GET", ["_sandbox", report] if report in _REPORTS:
            sandbox.let_time_pass()
            return _REPORTS[report](sandbox.store)
        case "POST", ["_sandbox", kind, name] if kind in _HANDS:
            sandbox.let_time_pass()
            with sandbox.changing():
                return _HANDS[kind](sandbox.call(), name, _json(request))
        case "POST", ["_sandbox", "listen"]:
            with sandbox.changing():
                return webhook_endpoints.listen(sandbox.call(), _json(request))
        case "POST", ["_sandbox", "payouts"]:
            sandbox.let_time_pass()
            with sandbox.changing():
                return payouts.pay_out_all(sandbox.call(), _json(request))
    raise UnknownUrl(request.method, request.path)


_REPORTS: dict[str, Callable[[Store], Any]] = {
    "accounts": lambda store: {"data": reports.accounts(store)},
    "deliveries": lambda store: {"data": reports.deliveries(store)},
    "holds": lambda store: {"data": reports.holds(store)},
    "orders": lambda store: {"data": reports.orders(store)},
    "totals": reports.totals,
}


def _lapse(call: Call, name: str, wanted: Json) -> Json:
    """The bank gives up a hold before its time."""
    call.open("payment_intent", name)
    payment_intents.lapse(call, name)
    return call.open("payment_intent", name)


def _at_the_dashboard(call: Call, name: str, wanted: Json) -> Json:
    """Somebody else cancels or captures an intent under us: `do` is cancel or capture, the latter
    with an `amount`. https://docs.stripe.com/payments/place-a-hold-on-a-payment-method#capture-funds
    """
    match wanted:
        case {"do": "cancel"}:
            return payment_intents.cancel(call, name)
        case {"do": "capture", "amount": int(amount)}:
            return payment_intents.capture(call.with_params({"amount_to_capture": amount}), name)
        case {"do": "capture"}:
            return payment_intents.capture(call, name)
    raise InvalidRequest("do must be cancel or capture.", param="do")


def _resolve(call: Call, name: str, wanted: Json) -> Json:
    """A refund's `status` becomes succeeded or failed, the latter with a `failure_reason`."""
    refund = call.open("refund", name)
    reason = wanted.get("failure_reason", "unknown")
    if reason not in refunds.FAILURE_REASONS:
        raise InvalidRequest(f"Invalid failure_reason: {reason}", param="failure_reason")
    refunds.resolve(call, refund, wanted.get("status", ""), reason)
    return refund


# What banks and account owners do, on demand.
_HANDS: dict[str, Callable[[Call, str, Json], Json]] = {
    "accounts": accounts.change,
    "authenticate": pages.authenticate,
    "charge_back": disputes.open_against,
    "disputes": disputes.decide,
    "events": webhook_endpoints.resend,
    "fraud_warnings": fraud_warnings.warn,
    "lapse": _lapse,
    "payment_intents": _at_the_dashboard,
    "payouts": payouts.resolve,
    "plant": planting.plant,
    "refunds": _resolve,
    "webhook_endpoints": webhook_endpoints.roll,
}


def _is_json(request: "Request") -> bool:
    return request.method == "POST" and request.body[:1] == b"{"


def _json(request: "Request") -> dict[str, Any]:
    try:
        given = json.loads(request.body or b"{}")
    except ValueError as error:
        raise InvalidRequest(f"Invalid JSON: {error}") from error
    if not isinstance(given, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return given
