"""The platform's balance, and the transactions that it is the sum of.

https://docs.stripe.com/api/balance
https://docs.stripe.com/api/balance_transactions
"""

from dataclasses import dataclass

from stripe.params import (
    BalanceRetrieveParams,
    BalanceTransactionListParams,
    BalanceTransactionRetrieveParams,
)

from devstack.stripe_sandbox.errors import NoAccess
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.lists import PAGE, Condition, filters, page
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json, Store


@dataclass(frozen=True)
class Movement:
    """Minor units that enter the balance, or leave it when negative; `fee` leaves it as well.

    With `pending_until` they count as pending up to that time, else they are available at once.
    `category` is how Stripe's reports call it: https://docs.stripe.com/reports/reporting-categories
    """

    type: str
    category: str
    source: str
    amount: int
    currency: str
    fee: int = 0
    pending_until: int | None = None


def record(call: Call, moved: Movement) -> str:
    """Keeps a movement as a balance transaction, and returns its id."""
    name = new_id("txn")
    fee = {
        "amount": moved.fee,
        "application": None,
        "currency": moved.currency,
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }
    pending = moved.pending_until is not None
    call.store.insert(
        {
            "id": name,
            "object": "balance_transaction",
            "amount": moved.amount,
            "available_on": moved.pending_until if pending else call.now,
            "balance_type": "payments",
            "created": call.now,
            "currency": moved.currency,
            "description": None,
            "exchange_rate": None,
            "fee": moved.fee,
            "fee_details": [fee] if moved.fee else [],
            "net": moved.amount - moved.fee,
            "reporting_category": moved.category,
            "source": moved.source,
            "status": "pending" if pending else "available",
            "type": moved.type,
        }
    )
    if pending or moved.amount > 0:
        call.store.schedule(moved.pending_until or call.now, "funds", name)
    return name


def fee_on(call: Call, amount: int) -> int:
    """Stripe's fee on a charge, in minor units; half a unit is rounded up."""
    share = (amount * call.settings.fee_basis_points + 5_000) // 10_000
    return share + call.settings.fee_fixed


def pending_with(call: Call, transaction: str | None) -> int | None:
    """Until when the money of that transaction is pending; None if it is available already.

    What is taken from a charge before its funds are available is taken from the pending balance.
    https://docs.stripe.com/connect/separate-charges-and-transfers#transfer-availability
    """
    found = call.store.get("balance_transaction", transaction or "")
    if found is None or found["status"] == "available":
        return None
    until: int = found["available_on"]
    return until


def become_available(call: Call, name: str) -> None:
    """Moves one transaction's money from pending to available."""
    transaction = call.load("balance_transaction", name, "id")
    transaction["status"] = "available"
    call.store.update(transaction)


def sums(store: Store) -> dict[str, dict[str, int]]:
    """Minor units by status, then by currency: what the transactions so far add up to."""
    found: dict[str, dict[str, int]] = {"available": {}, "pending": {}}
    for status, currency, net in store.rows(
        "SELECT json_extract(body, '$.status'), json_extract(body, '$.currency'), "
        "sum(json_extract(body, '$.net')) FROM object WHERE kind = 'balance_transaction' "
        "GROUP BY 1, 2 ORDER BY 2"
    ):
        found[status][currency] = net
    return found


def sums_of_account(store: Store, account: str) -> dict[str, dict[str, int]]:
    """The same for a connected account: what was transferred, less reversals and its payouts.

    Money from a charge is pending for it as long as it is for the platform.
    """
    found: dict[str, dict[str, int]] = {"available": {}, "pending": {}}
    for status, currency, amount in store.rows(
        "SELECT json_extract(txn.body, '$.status'), json_extract(tr.body, '$.currency'), "
        "sum(json_extract(tr.body, '$.amount') - json_extract(tr.body, '$.amount_reversed')) "
        "FROM object tr JOIN object txn ON txn.id = json_extract(tr.body, '$.balance_transaction') "
        "WHERE tr.kind = 'transfer' AND json_extract(tr.body, '$.destination') = ? GROUP BY 1, 2",
        account,
    ):
        found[status][currency] = amount
    for currency, amount in store.rows(
        "SELECT substr(name, -3), value FROM counter WHERE kind = 'paid_out' AND name GLOB ?",
        f"{account} *",
    ):
        found["available"][currency] = found["available"].get(currency, 0) - amount
    return found


def held_by(sums: dict[str, dict[str, int]], currency: str) -> int:
    """Available and pending together, in minor units."""
    return sum(by_currency.get(currency, 0) for by_currency in sums.values())


def current(store: Store, account: str | None = None) -> Json:
    """The balance object, of the platform or of one connected account."""
    found = sums_of_account(store, account) if account else sums(store)
    currencies = sorted(found["available"].keys() | found["pending"].keys()) or ["usd"]
    lists = {
        status: [
            {
                "amount": found[status].get(currency, 0),
                "currency": currency,
                "source_types": {"card": found[status].get(currency, 0)},
            }
            for currency in currencies
        ]
        for status in ("available", "pending")
    }
    reserved = [{"amount": 0, "currency": currency} for currency in currencies]
    return {"object": "balance", "livemode": False, "connect_reserved": reserved, **lists}


def retrieve(call: Call) -> Json:
    """https://docs.stripe.com/api/balance/balance_retrieve"""
    if call.account and call.store.get("account", call.account) is None:
        raise NoAccess(call.account)
    return current(call.store, call.account)


def retrieve_transaction(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/balance_transactions/retrieve"""
    return call.open("balance_transaction", name)


def list_transactions(call: Call) -> Json:
    """By `payout` only for automatic ones, as Stripe has it.

    https://docs.stripe.com/api/balance_transactions/list
    """
    more: list[Condition] = []
    if "payout" in call.params:
        call.load("payout", call.params["payout"], "payout")
        chosen = "id IN (SELECT balance_transaction FROM paid_out WHERE payout = ?)"
        more.append((chosen, call.params["payout"]))
    wanted = filters(call, "currency", "source", "type")
    return page(call, "balance_transaction", "/v1/balance_transactions", wanted, more)


_URL = "/v1/balance_transactions"
ROUTES = [
    Route("GET", "/v1/balance", retrieve, BalanceRetrieveParams),
    Route(
        "GET",
        _URL,
        list_transactions,
        BalanceTransactionListParams,
        f"{PAGE} currency payout source type",
    ),
    Route("GET", f"{_URL}/:id", retrieve_transaction, BalanceTransactionRetrieveParams),
]
