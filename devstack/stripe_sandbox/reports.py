"""What tests prove with: what happened here, in counts and in minor units."""

from typing import Any

from devstack.stripe_sandbox.resources import balance
from devstack.stripe_sandbox.store import Store

_STANDING = "json_extract(body, '$.status') = 'requires_capture'"
# What a partial capture gives back counts at Stripe as refunded; not here, as it was never taken.
_REFUNDED = (
    "json_extract(body, '$.amount_refunded') - json_extract(body, '$.amount') "
    "+ json_extract(body, '$.amount_captured')"
)


def _order(table: str = "object") -> str:
    """The SQL of the order that an object was made for."""
    return (
        f"coalesce(json_extract({table}.body, '$.metadata.order_id'), "
        f"json_extract({table}.body, '$.transfer_group'))"
    )


def holds(store: Store) -> list[dict[str, Any]]:
    """Every PaymentIntent, oldest first, with the order and the operation that asked for it."""
    columns = ("id", "metadata.order_id", "metadata.operation_id", "amount", "currency", "status")
    names = ("payment_intent", "order_id", "operation_id", "amount", "currency", "status")
    picked = ", ".join(f"json_extract(body, '$.{column}')" for column in columns)
    return _dicts(
        store, names, f"SELECT {picked} FROM object WHERE kind = 'payment_intent' ORDER BY seq"
    )


def orders(store: Store) -> list[dict[str, Any]]:
    """What each order's money has done so far; an order is found by `order_id` in the metadata of
    its intents and transfers, else by their `transfer_group`."""
    found: dict[tuple[str, str], dict[str, Any]] = {}

    def of(order: str, currency: str) -> dict[str, Any]:
        empty = {"order_id": order, "currency": currency, "transferred": {}}
        sums = dict.fromkeys(("held", "captured", "refunded", "reversed", "fee"), 0)
        return found.setdefault((order, currency), empty | sums)

    for order, currency, held, captured in store.rows(
        f"SELECT {_order()}, json_extract(body, '$.currency'), "
        "sum(json_extract(body, '$.amount_capturable')), "
        "sum(json_extract(body, '$.amount_received')) "
        "FROM object WHERE kind = 'payment_intent' GROUP BY 1, 2 ORDER BY min(seq)"
    ):
        of(order, currency).update(held=held, captured=captured)
    for order, currency, refunded in store.rows(
        f"SELECT {_order()}, json_extract(body, '$.currency'), sum({_REFUNDED}) FROM object "
        "WHERE kind = 'charge' AND json_extract(body, '$.captured') GROUP BY 1, 2"
    ):
        of(order, currency)["refunded"] = refunded
    for order, currency, fee in store.rows(_FEES):
        of(order, currency)["fee"] += fee
    for order, currency, account, amount, reversed_ in store.rows(
        f"SELECT {_order()}, json_extract(body, '$.currency'), "
        "json_extract(body, '$.destination'), sum(json_extract(body, '$.amount')), "
        "sum(json_extract(body, '$.amount_reversed')) "
        "FROM object WHERE kind = 'transfer' GROUP BY 1, 2, 3"
    ):
        of(order, currency)["transferred"][account] = amount
        of(order, currency)["reversed"] += reversed_
    return list(found.values())


# The fee on a charge, and what of it came back with the uncaptured rest.
_FEES = (
    f"SELECT {_order('ch')}, json_extract(ch.body, '$.currency'), "
    "sum(json_extract(txn.body, '$.fee')) FROM object txn "
    "JOIN object source ON source.id = json_extract(txn.body, '$.source') "
    "JOIN object ch ON ch.kind = 'charge' "
    "AND ch.id IN (source.id, json_extract(source.body, '$.charge')) "
    "WHERE txn.kind = 'balance_transaction' AND json_extract(txn.body, '$.fee') <> 0 "
    "AND json_extract(txn.body, '$.type') <> 'adjustment' GROUP BY 1, 2"
)


def accounts(store: Store) -> list[dict[str, Any]]:
    """Every connected account, oldest first, with what it may do and what it holds."""
    rows = store.rows(
        "SELECT id, json_extract(body, '$.capabilities.transfers'), "
        "json_extract(body, '$.payouts_enabled') FROM object WHERE kind = 'account' ORDER BY seq"
    )
    return [
        {
            "account": name,
            "transfers": transfers,
            "payouts_enabled": bool(payouts),
            "balance": balance.sums_of_account(store, name),
        }
        for name, transfers, payouts in rows
    ]


def balance_at(store: Store, at: int) -> dict[str, Any]:
    """The balance at a moment in the past: the sum of the transactions made by then, available if
    their time had come by then. `GET /v1/balance_transactions?created[lte]=…` lists the same."""
    found: dict[str, Any] = {"at": at, "available": {}, "pending": {}}
    for status, currency, net in store.rows(
        "SELECT iif(json_extract(body, '$.available_on') <= ?, 'available', 'pending'), "
        "json_extract(body, '$.currency'), sum(json_extract(body, '$.net')) FROM object "
        "WHERE kind = 'balance_transaction' AND created <= ? GROUP BY 1, 2 ORDER BY 2",
        at,
        at,
    ):
        found[status][currency] = net
    return found


def deliveries(store: Store) -> list[dict[str, Any]]:
    """The latest deliveries of events, newest first, with what came of them."""
    names = ("delivery", "event", "type", "endpoint", "url", "state", "attempts", "status", "error")
    return _dicts(
        store,
        names,
        "SELECT d.id, d.event, json_extract(e.body, '$.type'), d.endpoint, "
        "json_extract(w.body, '$.url'), d.state, d.attempts, d.status, d.error FROM delivery d "
        "JOIN object e ON e.id = d.event LEFT JOIN object w ON w.id = d.endpoint "
        "ORDER BY d.id DESC LIMIT 200",
    )


def totals(store: Store) -> dict[str, Any]:
    """Counts, and sums in minor units, over all that happened here since the state was made."""
    named = store.rows("SELECT kind, name, value FROM counter ORDER BY kind, name")
    objects = store.rows("SELECT kind, count(*) FROM object GROUP BY kind")
    return {
        "payment_intents": _dicts(
            store,
            ("status", "currency", "count", "amount", "received"),
            "SELECT json_extract(body, '$.status'), json_extract(body, '$.currency'), count(*), "
            "sum(json_extract(body, '$.amount')), sum(json_extract(body, '$.amount_received')) "
            "FROM object WHERE kind = 'payment_intent' GROUP BY 1, 2 ORDER BY 1, 2",
        ),
        "holds_standing": _dicts(
            store,
            ("order_id", "currency", "count", "amount"),
            "SELECT json_extract(body, '$.metadata.order_id'), json_extract(body, '$.currency'), "
            "count(*), sum(json_extract(body, '$.amount_capturable')) FROM object "
            f"WHERE kind = 'payment_intent' AND {_STANDING} GROUP BY 1, 2 ORDER BY 1, 2",
        ),
        "money": money(store),
        "balance": balance.sums(store),
        "objects": dict(objects),
        "deliveries": dict(store.rows("SELECT state, count(*) FROM delivery GROUP BY 1")),
        "requests": {name: value for kind, name, value in named if kind == "request"},
        "replays": sum(value for kind, _, value in named if kind == "idempotency"),
        "faults": {name: value for kind, name, value in named if kind == "fault"},
    }


def money(store: Store) -> dict[str, dict[str, int]]:
    """Sums in minor units by currency: captured - refunded - fees - transferred + reversed -
    disputed - paid_out is the whole balance, unless refunds wait for it. `disputed` is what
    disputes have cost, with their fees, less what was won back."""
    found: dict[str, dict[str, int]] = {}
    names = ("captured", "refunded", "fees", "transferred", "reversed", "disputed", "paid_out")
    for order in orders(store):
        sums = found.setdefault(order["currency"], dict.fromkeys(names, 0))
        sums["captured"] += order["captured"]
        sums["refunded"] += order["refunded"]
        sums["fees"] += order["fee"]
        sums["transferred"] += sum(order["transferred"].values())
        sums["reversed"] += order["reversed"]
    for name, types in (
        ("disputed", "('adjustment')"),
        ("paid_out", "('payout', 'payout_failure')"),
    ):
        for currency, net in store.rows(
            "SELECT json_extract(body, '$.currency'), -sum(json_extract(body, '$.net')) "
            f"FROM object WHERE kind = 'balance_transaction' "
            f"AND json_extract(body, '$.type') IN {types} GROUP BY 1"
        ):
            found.setdefault(currency, dict.fromkeys(names, 0))[name] = net
    return found


def _dicts(store: Store, names: tuple[str, ...], sql: str) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in store.rows(sql)]
