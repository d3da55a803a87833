"""What can be set for the whole sandbox while it runs; kept in the state file."""

import json
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from devstack.stripe_sandbox.errors import InvalidRequest
from devstack.stripe_sandbox.store import Store


@dataclass(frozen=True)
class Settings:
    """`latency_ms`: the bank's time to think, before the effect of every /v1 request.

    `seed`: decides faults with a probability. `clock_offset_seconds`: moves the sandbox's clock,
    so that a test can let 24 hours pass. `decline_at_attach`: refuse to attach a declining card to
    a customer, as Stripe documents; off, a saved card can be made to decline in each way.

    `fee_basis_points`, `fee_fixed`: Stripe's fee on a captured charge, 2.9 % and 30 minor units, as
    https://stripe.com/pricing has it for cards in the United States.
    `funds_available_after_seconds`: how long captured money stays pending.
    `refund_settles_after_seconds`: when the refunds of …5126 fail and those of …7726 succeed.
    `refunds_wait_for_balance`: a refund beyond the available balance stays pending, as when Stripe
    cannot debit the platform's bank account; off, the balance may go below zero.
    `accounts_active_at_once`: a new connected account has onboarded already; off, it must first.
    `dispute_fee`: what a chargeback costs beside its amount, in minor units of any currency, 15.00
    as https://stripe.com/pricing has it for the United States.
    `rate_limit_per_second`, `endpoint_rate_limit_per_second`: 429 beyond so many; 0 for no limit.
    `confirmations_allowed`: how often an intent may be confirmed again; Stripe's limit varies.
    `webhook_retry_scale`: stretches the pauses between the attempts to deliver an event, and the
    three days after which it is given up. `webhook_timeout_seconds`: how long an endpoint has to
    answer; Stripe does not say how long it waits.
    """

    latency_ms: int = 0
    seed: int = 0
    clock_offset_seconds: int = 0
    decline_at_attach: bool = False
    fee_basis_points: int = 290
    fee_fixed: int = 30
    funds_available_after_seconds: int = 0
    refund_settles_after_seconds: int = 3600
    refunds_wait_for_balance: bool = False
    accounts_active_at_once: bool = True
    dispute_fee: int = 1500
    rate_limit_per_second: int = 0
    endpoint_rate_limit_per_second: int = 0
    confirmations_allowed: int = 50
    webhook_retry_scale: float = 1.0
    webhook_timeout_seconds: float = 10.0


_ANY_SIGN = ("seed", "clock_offset_seconds")


class SettingsBook:
    """The settings in force, remembered over restarts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        kept = {name: json.loads(value) for name, value in store.rows("SELECT * FROM setting")}
        self.now_in_force = Settings(**kept)

    def change(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Sets some settings and returns all. Raises InvalidRequest for unknown or ill-typed."""
        known = {name: type(value) for name, value in self.all().items()}
        for name, value in list(wanted.items()):
            if name not in known:
                raise InvalidRequest(f"There is no setting {name}.", param=name)
            if known[name] is float and type(value) is int:
                value = wanted[name] = float(value)
            if type(value) is not known[name] or (name not in _ANY_SIGN and value < 0):
                raise InvalidRequest(f"{name} must be {known[name].__name__}.", param=name)
        changed = replace(self.now_in_force, **wanted)
        with self._store.transaction():
            for name, value in asdict(changed).items():
                self._store.rows(
                    "INSERT OR REPLACE INTO setting VALUES (?, ?)", name, json.dumps(value)
                )
        self.now_in_force = changed
        return self.all()

    def all(self) -> dict[str, Any]:
        return asdict(self.now_in_force)

    def clock(self) -> int:
        """The sandbox's time, in whole seconds since 1970."""
        return int(self.exact_clock())

    def exact_clock(self) -> float:
        """The same with its fraction."""
        return time.time() + self.now_in_force.clock_offset_seconds
