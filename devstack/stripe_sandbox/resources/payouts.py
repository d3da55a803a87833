"""Payouts of the platform's own balance to its bank: https://docs.stripe.com/payouts"""

from stripe.params import PayoutCreateParams, PayoutListParams, PayoutRetrieveParams

from devstack.stripe_sandbox.errors import InvalidRequest
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.lists import PAGE, filters, page
from devstack.stripe_sandbox.metadata import merged
from devstack.stripe_sandbox.money import at_least_one
from devstack.stripe_sandbox.resources import balance
from devstack.stripe_sandbox.resources.balance import Movement
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json

# "The status changes to paid if the transaction succeeds, or to failed or canceled (within 5
# business days). Some payouts that fail might initially show as paid, then change to failed."
# https://docs.stripe.com/api/payouts/object#payout_object-status
_CHANGES = {("in_transit", "paid"), ("in_transit", "failed"), ("paid", "failed")}


def create(call: Call) -> Json:
    """Takes money out of the available balance: transfers without a source may then fall short.

    https://docs.stripe.com/api/payouts/create
    """
    currency = call.params["currency"]
    amount = at_least_one(call.params["amount"], "amount")
    if balance.sums(call.store)["available"].get(currency, 0) < amount:
        raise InvalidRequest(
            "You have insufficient funds in your Stripe account for this transfer. Your card "
            "balance is too low. You can use the the /v1/balance endpoint to view your Stripe "
            "balance (for more details, see stripe.com/docs/api#balance).",
            "balance_insufficient",
        )
    return _pay(call, amount, currency, automatic=False)


def pay_out_all(call: Call, wanted: Json) -> Json:
    """An automatic payout: all that is available in each currency, with the transactions it is
    made of, which can then be listed by their payout.

    https://docs.stripe.com/payouts#payout-schedule
    https://docs.stripe.com/api/balance_transactions/list#balance_transaction_list-payout
    """
    made = []
    for currency, amount in balance.sums(call.store)["available"].items():
        if amount > 0:
            payout = _pay(call, amount, currency, automatic=True)
            call.store.rows(
                "INSERT INTO paid_out SELECT id, ? FROM object WHERE kind = 'balance_transaction' "
                "AND json_extract(body, '$.currency') = ? "
                "AND json_extract(body, '$.status') = 'available' "
                "AND id NOT IN (SELECT balance_transaction FROM paid_out)",
                payout["id"],
                currency,
            )
            made.append(payout)
    return {"data": made}


def retrieve(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/payouts/retrieve"""
    return call.open("payout", name)


def list_(call: Call) -> Json:
    """https://docs.stripe.com/api/payouts/list"""
    return page(call, "payout", "/v1/payouts", filters(call, "status"))


def resolve(call: Call, name: str, wanted: Json) -> Json:
    """What the bank says: `status` paid, or failed with a `failure_code`; then the money is back.

    https://docs.stripe.com/payouts#payout-failures
    """
    payout = call.open("payout", name)
    status = wanted.get("status")
    if (payout["status"], status) not in _CHANGES:
        raise InvalidRequest(f"A payout that is {payout['status']} cannot become {status}.")
    payout["status"] = status
    if status == "failed":
        payout |= {
            "failure_code": wanted.get("failure_code", "account_closed"),
            "failure_message": "The bank account has been closed.",
            "failure_balance_transaction": balance.record(
                call,
                Movement(
                    "payout_failure", "payout_reversal", name, payout["amount"], payout["currency"]
                ),
            ),
        }
    call.store.update(payout)
    call.emit(f"payout.{status}", payout)
    return payout


def _pay(call: Call, amount: int, currency: str, *, automatic: bool) -> Json:
    name = new_id("po")
    empty = (
        "application_fee",
        "application_fee_amount",
        "destination",
        "failure_balance_transaction",
        "failure_code",
        "failure_message",
        "original_payout",
        "payout_method",
        "reversed_by",
        "statement_descriptor",
    )
    moved = Movement("payout", "payout", name, -amount, currency)
    payout: Json = dict.fromkeys(empty) | {
        "id": name,
        "object": "payout",
        "amount": amount,
        "arrival_date": call.now + 2 * 86_400,
        "automatic": automatic,
        "balance_transaction": balance.record(call, moved),
        "created": call.now,
        "currency": currency,
        "description": call.params.get("description", "STRIPE PAYOUT"),
        "livemode": False,
        "metadata": merged({}, call.params.get("metadata")),
        "method": "standard",
        "reconciliation_status": "completed" if automatic else "not_applicable",
        "source_type": "card",
        "status": "in_transit",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
    }
    call.store.insert(payout)
    call.emit("payout.created", payout)
    return payout


_URL = "/v1/payouts"
ROUTES = [
    Route("POST", _URL, create, PayoutCreateParams, "amount currency description metadata"),
    Route("GET", _URL, list_, PayoutListParams, f"{PAGE} status"),
    Route("GET", f"{_URL}/:id", retrieve, PayoutRetrieveParams),
]
