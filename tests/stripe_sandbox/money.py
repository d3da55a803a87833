"""Sales, payees and the platform's balance, as the stories about money need them."""

from typing import Any

import stripe

from tests.stripe_sandbox.running import ONE_HOLD

HOUR = 3600


def sell(
    client: stripe.StripeClient, amount: int = 1600, card: str = "pm_card_visa", **more: Any
) -> stripe.PaymentIntent:
    """A captured payment of that many cents."""
    sale = {**ONE_HOLD, "amount": amount, "payment_method": card, "capture_method": "automatic"}
    return client.v1.payment_intents.create({**sale, **more})


def charge_of(client: stripe.StripeClient, intent: stripe.PaymentIntent) -> stripe.Charge:
    """The intent's newest charge, with its balance transaction."""
    options = {"expand": ["balance_transaction"]}
    return client.v1.charges.retrieve(str(intent.latest_charge), options)


def payee(client: stripe.StripeClient, **more: Any) -> stripe.Account:
    """A connected account that asks for transfers."""
    wanted = {"type": "express", "capabilities": {"transfers": {"requested": True}}}
    return client.v1.accounts.create({**wanted, **more})


def pay(
    client: stripe.StripeClient,
    account: stripe.Account,
    amount: int,
    source: stripe.PaymentIntent | None = None,
    **more: Any,
) -> stripe.Transfer:
    """A transfer in dollars, out of a sale if one is named."""
    wanted: dict[str, Any] = {"amount": amount, "currency": "usd", "destination": account.id}
    if source is not None:
        wanted["source_transaction"] = source.latest_charge
    return client.v1.transfers.create({**wanted, **more})


def holdings(client: stripe.StripeClient, account: str | None = None) -> tuple[int, int]:
    """Available and pending dollars, in cents, of the platform or of a connected account."""
    balance = client.v1.balance.retrieve(None, {"stripe_account": account} if account else None)
    available, pending = (
        sum(part.amount for part in parts if part.currency == "usd")
        for parts in (balance.available, balance.pending)
    )
    return available, pending


def event_types(client: stripe.StripeClient, count: int, account: str | None = None) -> list[str]:
    """The types of the latest events that are not of the balance, newest first."""
    options: stripe.RequestOptions = {"stripe_account": account} if account else {}
    events = client.v1.events.list({"limit": count + 5}, options).data
    return [event.type for event in events if event.type != "balance.available"][:count]
