"""The Stripe sandbox as a play uses it: how it misbehaves, and what it says it holds."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import requests

LATENCY_MS = 100
PAYMENTS, TRANSFERS = {"path": "/v1/payment_intents*"}, {"path": "/v1/transfers"}
#: Without the charges of what is owed: one that left no trace is looked for for two days.
HOLDS = {"path": "/v1/payment_intents", "param": {"capture_method": "manual"}}
HELD = {"path": "/v1/payment_intents/*"}


@dataclass(frozen=True)
class Fault:
    """What happens to requests, and to how many of those that match; `more` of its kind."""

    kind: str
    match: Mapping[str, Any]
    probability: float
    more: Mapping[str, Any] = field(default_factory=dict)


FAULTS = (
    Fault("drop_reply", PAYMENTS, 0.05),
    Fault("rate_limit", PAYMENTS, 0.04),
    Fault("conflict", PAYMENTS, 0.02),
    Fault("stored_500_after", PAYMENTS, 0.03),
    Fault("stored_500_before", HOLDS, 0.02),
    Fault("stored_500_before", HELD, 0.02),
    Fault("drop_reply", TRANSFERS, 0.03),
    Fault("webhook_dropped", {}, 0.03),
    Fault("webhook_copies", {}, 0.05),
)
#: Webhooks that are not taken are sent again, for three days: here for half an hour.
RETRY_SCALE = 0.01
TIMEOUT = 10.0


@dataclass(frozen=True)
class AtStripe:
    """What one order's money has done in one currency, in minor units."""

    order_id: str
    currency: str
    held: int = 0
    captured: int = 0
    refunded: int = 0
    transferred: int = 0


class Sandbox:
    """One sandbox, through its own endpoints."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/_sandbox"
        self._lost: dict[str, int] = {}  # by account, the fault that keeps its webhooks from us

    def misbehave(self, seed: int, faults: Iterable[Fault] = FAULTS) -> None:
        """Think as long as a bank, and fail as often as `faults` say from now on."""
        settings = {"latency_ms": LATENCY_MS, "seed": seed, "webhook_retry_scale": RETRY_SCALE}
        requests.put(f"{self._url}/settings", json=settings, timeout=TIMEOUT).raise_for_status()
        for fault in faults:
            asked = asdict(fault)
            more = asked.pop("more")
            self._post("faults", **asked, **more, times=None)

    def decline_capture(self, order_id: str) -> None:
        """The card says no when this order's money is to be taken."""
        self._post(
            "faults", kind="decline_capture", match={"metadata": {"order_id": order_id}}, times=None
        )

    def decline_charge(self, order_id: str) -> None:
        """The saved card says no too, when what this order owes is to be charged anew."""
        match = {"path": "/v1/payment_intents", "param": {"off_session": True},
                 "metadata": {"order_id": order_id}}  # fmt: skip
        self._post(
            "faults", kind="refuse", status=402, code="card_declined", match=match, times=None
        )

    def behave(self) -> None:
        """Fail no more."""
        self._delete("faults")

    def restrict(self, account: str) -> None:
        """The account may not receive money, and word of it gets lost on the way to us."""
        lost = self._post("faults", kind="webhook_dropped", match={"account": account}, times=None)
        self._lost[account] = int(lost["id"])
        self._post(f"accounts/{account}", transfers="inactive")

    def lift(self, account: str) -> None:
        """It may again, and we are told."""
        self._delete(f"faults/{self._lost.pop(account)}")
        self._post(f"accounts/{account}", transfers="active")

    def is_sending(self) -> bool:
        """Whether webhooks are on their way, or are to be sent again."""
        return bool({"pending", "sending"} & self.totals()["deliveries"].keys())

    def delivered(self) -> int:
        """How many webhooks were taken."""
        return int(self.totals()["deliveries"].get("delivered", 0))

    def totals(self) -> dict[str, Any]:
        """Everything it has counted since it was started."""
        return self._get("totals")

    def balance(self) -> dict[str, int]:
        """What stands there for the platform, available or not yet, by currency."""
        sums: dict[str, int] = {}
        for by_currency in self.totals()["balance"].values():
            for currency, amount in by_currency.items():
                sums[currency] = sums.get(currency, 0) + amount
        return sums

    def orders(self) -> list[AtStripe]:
        """What each order's money has done."""
        return [
            AtStripe(
                each["order_id"],
                each["currency"],
                each["held"],
                each["captured"],
                each["refunded"],
                sum(each["transferred"].values()) - each["reversed"],
            )
            for each in self._get("orders")["data"]
        ]

    def _get(self, report: str) -> dict[str, Any]:
        reply = requests.get(f"{self._url}/{report}", timeout=TIMEOUT)
        reply.raise_for_status()
        said: dict[str, Any] = reply.json()
        return said

    def _delete(self, path: str) -> None:
        requests.delete(f"{self._url}/{path}", timeout=TIMEOUT).raise_for_status()

    def _post(self, path: str, **body: Any) -> dict[str, Any]:
        reply = requests.post(f"{self._url}/{path}", json=body, timeout=TIMEOUT)
        reply.raise_for_status()
        said: dict[str, Any] = reply.json()
        return said
