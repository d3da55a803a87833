"""Events as Stripe sends them: made by hand, or those that the sandbox has."""

import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

from payments.gateway import client

SECRET, OLD_SECRET, CONNECT_SECRET = "whsec_new", "whsec_old", "whsec_connect"


def an_event(kind: str = "payment_intent.succeeded", **about: Any) -> dict[str, Any]:
    """An event about an object; `metadata`, `id`, … of that object may be given."""
    thing = {"id": f"pi_{uuid4().hex}", "object": "payment_intent", "metadata": {}} | about
    return {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": kind,
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": thing},
    }


def signed(body: bytes, secret: str = SECRET, at: float | None = None) -> str:
    """The header with which Stripe signs a body."""
    moment = int(time.time() if at is None else at)
    told = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={told}"


def body_of(event: Any) -> bytes:
    return json.dumps(event).encode()


def events_of(*ids: str) -> list[dict[str, Any]]:
    """What the sandbox has told of these objects, oldest first: by their own id, or by the id of
    the intent or the operation that they name."""
    listed = client().v1.events.list({"limit": 100})
    found = []
    for event in listed.data:
        about = event.to_dict()["data"]["object"]
        names = {
            about.get("id"),
            about.get("payment_intent"),
            *(about.get("metadata") or {}).values(),
        }
        if names & set(ids):
            found.append(event.to_dict())
    return found[::-1]
