"""The Stripe sandbox as the demo uses it: how it misbehaves, and what it says it holds."""

from dataclasses import dataclass
from typing import Any

import requests

LATENCY_MS = 100
PAYMENTS = "/v1/payment_intents*"
#: What happens to requests, and to how many of them.
FAULTS = {
    "drop_reply": (PAYMENTS, 0.05),
    "rate_limit": (PAYMENTS, 0.04),
    "conflict": (PAYMENTS, 0.02),
    "stored_500_after": (PAYMENTS, 0.03),
    "stored_500_before": (PAYMENTS, 0.02),
}
TIMEOUT = 10.0


@dataclass(frozen=True)
class Standing:
    """The money that stands held for an order, in how many holds."""

    order_id: str
    currency: str
    count: int
    amount: int


class Sandbox:
    """One sandbox, through its own endpoints."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/_sandbox"

    def misbehave(self, seed: int) -> None:
        """Think as long as a bank, and fail as often as FAULTS says from now on."""
        settings = {"latency_ms": LATENCY_MS, "seed": seed}
        requests.put(f"{self._url}/settings", json=settings, timeout=TIMEOUT).raise_for_status()
        for kind, (path, probability) in FAULTS.items():
            fault = {"kind": kind, "probability": probability, "times": None}
            body: dict[str, Any] = fault | {"match": {"path": path}}
            requests.post(f"{self._url}/faults", json=body, timeout=TIMEOUT).raise_for_status()

    def behave(self) -> None:
        """Fail no more."""
        requests.delete(f"{self._url}/faults", timeout=TIMEOUT).raise_for_status()

    def totals(self) -> dict[str, Any]:
        """Everything it has counted since it was started."""
        reply = requests.get(f"{self._url}/totals", timeout=TIMEOUT)
        reply.raise_for_status()
        counted: dict[str, Any] = reply.json()
        return counted

    def standing(self) -> list[Standing]:
        """Every hold that stands, by order."""
        return [Standing(**each) for each in self.totals()["holds_standing"]]
