"""Faults on demand: what a network, a bank or Stripe itself may do to one request.

A fault waits for the requests that it matches and fires on them, `times` often or for ever, with a
`probability` that is decided by a hash of the seed and of how many requests it has met, so that a
run can be repeated.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from devstack.stripe_sandbox.errors import (
    ApiError,
    InvalidRequest,
    KeyInUse,
    RateLimited,
    ServerError,
)
from devstack.stripe_sandbox.store import Json, Store

# kind -> what it does
KINDS = {
    "latency": "the effect happens at once, the reply leaves `seconds` later",
    "delay_then_apply": "the effect happens `seconds` later, even if the client has gone",
    "down": "every connection is reset for `seconds`, by the sandbox's clock",
    "drop_request": "the connection is reset before anything happens",
    "drop_reply": "the connection is reset after the effect is committed",
    "conflict": "409 idempotency_key_in_use; nothing happens, nothing is stored",
    "rate_limit": "429 rate_limit, or the `code` lock_timeout; nothing happens, nothing is stored",
    "refuse": "the `status` (400) and the `code` that you name, stored; nothing happens",
    "lapse_at_capture": "the hold turns out to have lapsed: 400 with `code`, and it is canceled",
    "decline_capture": "402 card_declined to a capture; the hold stands, no money moves",
    "webhook_first": "the reply waits until what the request gave rise to was delivered once, or "
    "for `seconds` (10)",
    "error_500": "500 before the endpoint starts; nothing happens, nothing is stored",
    "stored_500_before": "500, stored under the key, and nothing happens",
    "stored_500_after": "the effect happens, and 500 is answered and stored under the key",
}
# kind -> what it does to an event's first delivery
EVENT_KINDS = {
    "webhook_copies": "the event is sent `copies` times (2) at the same moment",
    "webhook_reversed": "`times` deliveries are held back, then sent one by one, the last first",
    "webhook_dropped": "the event is never delivered; it stays pending",
    "webhook_delayed": "the event is delivered `seconds` later",
}
_MOST_COPIES = 100
_OF_CAPTURES = ("decline_capture", "lapse_at_capture")
_CODES = {
    "rate_limit": ("rate_limit", "lock_timeout"),
    # https://docs.stripe.com/error-codes
    "lapse_at_capture": ("charge_expired_for_capture", "capture_charge_authorization_expired"),
}
_MATCHERS = {"method", "path", "metadata", "param"}
_EVENT_MATCHERS = {"type", "account", "metadata"}


@dataclass(frozen=True)
class Target:
    """What a fault may look at in a request; `metadata` is its own, or of the object it names."""

    method: str
    path: str
    params: Mapping[str, str]
    metadata: Callable[[], Mapping[str, str]]


@dataclass
class Fault:
    """One fault; `times` counts down (None: for ever), `met` counts the requests it matched."""

    kind: str
    match: dict[str, Any] = field(default_factory=dict)
    times: int | None = 1
    probability: float = 1.0
    seconds: float = 0.0
    code: str = ""
    status: int = 400
    should_retry: bool | None = None  # the header Stripe-Should-Retry of the refusal
    copies: int = 2
    since: int | None = None  # when the first request found Stripe down
    met: int = 0
    id: int = 0

    def matches(self, target: Target) -> bool:
        """Whether every condition holds; a path may hold `*`."""
        wanted = self.match
        if self.kind in EVENT_KINDS:
            return False
        if self.kind in _OF_CAPTURES and not target.path.endswith("/capture"):
            return False
        if wanted.get("method", target.method).upper() != target.method:
            return False
        if not fnmatchcase(target.path, wanted.get("path", "*")):
            return False
        if any(target.params.get(k) != _wire(v) for k, v in wanted.get("param", {}).items()):
            return False
        if "metadata" not in wanted:
            return True
        metadata = target.metadata()
        return all(metadata.get(k) == _wire(v) for k, v in wanted["metadata"].items())

    def lasts(self, now: int) -> bool:
        """Whether Stripe is still down; the time begins with the first request that finds it so."""
        self.since = now if self.since is None else self.since
        return now < self.since + self.seconds

    def matches_event(self, event: Json) -> bool:
        """Whether it is a fault of deliveries and every condition holds; a type may hold `*`."""
        wanted, obj = self.match, event["data"]["object"]
        if self.kind not in EVENT_KINDS or self.times == 0:
            return False
        if not fnmatchcase(event["type"], wanted.get("type", "*")):
            return False
        if wanted.get("account", event.get("account")) != event.get("account"):
            return False
        metadata = obj.get("metadata") or {}
        return all(metadata.get(k) == _wire(v) for k, v in wanted.get("metadata", {}).items())

    def strikes(self, seed: int) -> bool:
        """Decides for the request just met; the same seed decides the same in every run."""
        what = json.dumps([seed, self.kind, self.match, self.met], sort_keys=True)
        drawn = int.from_bytes(hashlib.sha256(what.encode()).digest()[:8], "big") / 2**64
        return drawn < self.probability


@dataclass
class Fired:
    """What the faults do to one request."""

    refusal: ApiError | None = None
    before: float = 0.0  # seconds to wait before the effect
    after: float = 0.0  # seconds to wait between effect and reply
    stored_500: str = ""  # "before" or "after" the effect
    drop: str = ""  # "request" or "reply"
    capture_fails: str = ""  # "declined", or the code of a lapsed hold
    answer: ApiError | None = None  # what the endpoint answers, and stores, in place of an effect
    webhook_first: float = 0.0  # seconds to wait for the webhooks of this request

    def add(self, fault: Fault, key: str) -> None:
        self._take(fault, key)
        for error in (self.refusal, self.answer):
            if error and fault.should_retry is not None:
                # https://docs.stripe.com/error-low-level#idempotency
                error.headers["Stripe-Should-Retry"] = str(fault.should_retry).lower()

    def _take(self, fault: Fault, key: str) -> None:
        match fault.kind:
            case "latency":
                self.after += fault.seconds
            case "delay_then_apply":
                self.before += fault.seconds
            case "down":
                self.drop = "request"
            case "drop_request" | "drop_reply":
                self.drop = fault.kind.removeprefix("drop_")
            case "stored_500_before" | "stored_500_after":
                self.stored_500 = fault.kind.removeprefix("stored_500_")
            case "webhook_first":
                self.webhook_first = fault.seconds or 10.0
            case "decline_capture":
                self.capture_fails = "declined"
            case "lapse_at_capture":
                self.capture_fails = fault.code
            case "refuse":
                kind = "card_error" if fault.status == 402 else "invalid_request_error"
                text = f"The fault {fault.id} of this sandbox refuses it: {fault.code or 'no code'}"
                self.answer = ApiError(fault.status, text, kind=kind, code=fault.code or None)
            case "conflict":
                self.refusal = KeyInUse(key)
            case "rate_limit":
                self.refusal = RateLimited(fault.code)
            case "error_500":
                self.refusal = ServerError()


class Faults:
    """The faults in waiting, remembered over restarts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        rows = store.rows("SELECT id, body FROM fault ORDER BY id")
        self._waiting = [Fault(**{**json.loads(body), "id": id_}) for id_, body in rows]

    def fire(self, target: Target, seed: int, key: str, now: int) -> Fired:
        """What happens to a request: every waiting fault that matches and strikes, oldest first."""
        fired = Fired()
        if not self._waiting:
            return fired
        with self._lock:
            for fault in self._waiting:
                if fault.kind == "down" and not fault.lasts(now):
                    continue
                if fault.times != 0 and fault.matches(target) and self._meet(fault, seed):
                    fired.add(fault, key)
        return fired

    def of_event(self, event: Json, seed: int) -> list[Fault]:
        """What happens to the first delivery of an event: at most one fault, the oldest."""
        with self._lock:
            for fault in self._waiting:
                if fault.matches_event(event) and self._meet(fault, seed):
                    return [fault]
        return []

    def _meet(self, fault: Fault, seed: int) -> bool:
        """Whether a fault strikes the request or event that it has just met."""
        fault.met += 1
        struck = fault.strikes(seed)
        if struck:
            if fault.times is not None:
                fault.times -= 1
            self._store.count("fault", fault.kind)
        self._keep(fault)
        return struck

    def add(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Sets a fault in waiting. Raises InvalidRequest for what is no fault."""
        fault = _fault_from(wanted)
        with self._lock:
            inserted = self._store.rows(
                "INSERT INTO fault (body) VALUES (?) RETURNING id", json.dumps(asdict(fault))
            )
            fault.id = inserted[0][0]
            self._waiting.append(fault)
            return asdict(fault)

    def all(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._waiting]

    def remove(self, number: int) -> None:
        """Takes one fault away; nothing if it is gone already."""
        with self._lock:
            self._waiting = [fault for fault in self._waiting if fault.id != number]
            self._store.rows("DELETE FROM fault WHERE id = ?", number)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()
            self._store.rows("DELETE FROM fault")

    def _keep(self, fault: Fault) -> None:
        self._store.rows(
            "UPDATE fault SET body = ? WHERE id = ?", json.dumps(asdict(fault)), fault.id
        )


def _wire(value: Any) -> str:
    """A JSON value as a form would carry it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _fault_from(wanted: dict[str, Any]) -> Fault:
    kind = wanted.get("kind")
    kinds = KINDS | EVENT_KINDS
    if kind not in kinds:
        raise InvalidRequest(f"kind must be one of {', '.join(kinds)}.", param="kind")
    matchers = _EVENT_MATCHERS if kind in EVENT_KINDS else _MATCHERS
    known = {"kind", "match", "times", "probability", "seconds", "code", "copies", "status"} | {
        "should_retry"
    }
    for name in wanted.keys() - known:
        raise InvalidRequest(f"A fault has no {name}.", param=name)
    codes = _CODES.get(kind, ())
    usual: dict[str, Any] = {"code": codes[0]} if codes else {}
    if kind == "down":
        usual = {"times": None}
    fault = Fault(**usual | wanted)
    sound = {
        "match": isinstance(fault.match, dict) and fault.match.keys() <= matchers,
        "times": fault.times is None or (type(fault.times) is int and fault.times > 0),
        "probability": isinstance(fault.probability, int | float) and 0 <= fault.probability <= 1,
        "seconds": isinstance(fault.seconds, int | float) and fault.seconds >= 0,
        "code": isinstance(fault.code, str) and (not codes or fault.code in codes),
        "status": type(fault.status) is int and 400 <= fault.status <= 499,
        "should_retry": fault.should_retry in (None, True, False),
        "copies": type(fault.copies) is int and 1 <= fault.copies <= _MOST_COPIES,
    }
    for name, holds in sound.items():
        if not holds:
            raise InvalidRequest(f"Invalid {name}: {wanted[name]}", param=name)
    for name in ("metadata", "param"):
        if not isinstance(fault.match.get(name, {}), dict):
            raise InvalidRequest(f"match.{name} must be an object.", param="match")
    return fault
