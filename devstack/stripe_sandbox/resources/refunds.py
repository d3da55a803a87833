"""Refunds and what becomes of them: https://docs.stripe.com/refunds"""

from typing import Any

from stripe.params import RefundCreateParams, RefundListParams, RefundRetrieveParams

from devstack.stripe_sandbox import cards
from devstack.stripe_sandbox.errors import InvalidRequest, RefusedParameter
from devstack.stripe_sandbox.ids import new_id
from devstack.stripe_sandbox.lists import PAGE, filters, page
from devstack.stripe_sandbox.metadata import merged
from devstack.stripe_sandbox.money import at_least_one, spoken
from devstack.stripe_sandbox.resources import balance, fraud_warnings
from devstack.stripe_sandbox.resources.balance import Movement
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json

# https://docs.stripe.com/refunds#failed-refunds
FAILURE_REASONS = (
    "charge_for_pending_refund_disputed",
    "declined",
    "expired_or_canceled_card",
    "insufficient_funds",
    "lost_or_stolen_card",
    "merchant_request",
    "unknown",
)


def create(call: Call) -> Json:
    """Gives back all or a part of what was captured; transfers made from it stay as they are.

    https://docs.stripe.com/api/refunds/create
    """
    charge = _charge(call)
    _check_not_disputed(call, charge)
    refund = _blank(call.now, charge, _amount(call, charge)) | {
        "metadata": merged({}, call.params.get("metadata")),
        "reason": call.params.get("reason"),
    }
    fate = cards.by_fingerprint(charge["payment_method_details"]["card"]["fingerprint"]).refund
    if _short_of(call, charge, refund["amount"]):
        refund |= {"status": "pending", "pending_reason": "insufficient_funds"}
    else:
        _debit(call, charge, refund)
        if fate == "waits":
            refund |= {"status": "pending", "pending_reason": "processing"}
    call.store.insert(refund)
    if fate:
        call.store.schedule(
            call.now + call.settings.refund_settles_after_seconds, "refund", refund["id"]
        )
    _count_in(call, charge, refund["amount"])
    call.emit("refund.created", refund)
    call.emit("charge.refunded", charge)
    return refund


def _check_not_disputed(call: Call, charge: Json) -> None:
    """ "If true, it's still possible to refund the disputed payment" (`is_charge_refundable`).

    https://docs.stripe.com/error-codes#charge-disputed
    """
    for dispute in call.store.find("dispute", limit=1, fields={"charge": charge["id"]}):
        if not dispute["is_charge_refundable"] and dispute["status"] != "won":
            raise InvalidRequest(
                f"Charge {charge['id']} has been charged back; cannot issue a refund.",
                "charge_disputed",
            )


def retrieve(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/refunds/retrieve"""
    return call.open("refund", name)


def list_(call: Call) -> Json:
    """https://docs.stripe.com/api/refunds/list"""
    return page(call, "refund", "/v1/refunds", filters(call, "charge", "payment_intent"))


def return_uncaptured(call: Call, charge: Json, amount: int) -> None:
    """Takes the uncaptured rest of a charge out of the balance again, with the fee on it.

    "If you capture an amount less than the initial authorization, you see two balance
    transactions: one for the full amount, and another reversing the uncaptured portion", of type
    refund. https://docs.stripe.com/reports/reporting-categories
    """
    refund = _blank(call.now, charge, amount, how="reversal")
    fee = balance.fee_on(call, charge["amount"] - amount) - balance.fee_on(call, charge["amount"])
    _debit(call, charge, refund, category="partial_capture_reversal", fee=fee)
    call.store.insert(refund)
    _count_in(call, charge, amount)


def meet_fate(call: Call, name: str) -> None:
    """What the test card has in store for its refunds: …5126 fails them, …7726 lets them succeed.

    https://docs.stripe.com/testing#refunds
    """
    refund = call.load("refund", name, "id")
    charge = call.load("charge", refund["charge"], "charge")
    fate = cards.by_fingerprint(charge["payment_method_details"]["card"]["fingerprint"]).refund
    if fate == "fails" and refund["status"] == "succeeded":
        resolve(call, refund, "failed", "expired_or_canceled_card")
    elif fate == "waits" and refund.get("pending_reason") == "processing":
        resolve(call, refund, "succeeded")


def pay_waiting(call: Call) -> None:
    """Pays refunds that waited for the balance, oldest first, as far as it reaches.

    https://docs.stripe.com/refunds#pending-refunds
    """
    for refund in call.store.find(
        "refund", limit=100, fields={"pending_reason": "insufficient_funds"}, oldest_first=True
    ):
        charge = call.load("charge", refund["charge"], "charge")
        if _short_of(call, charge, refund["amount"]):
            return
        resolve(call, refund, "succeeded")


def resolve(call: Call, refund: Json, status: str, failure_reason: str = "unknown") -> None:
    """Ends a pending refund, or fails one that had succeeded: the money comes back to the balance.

    Raises InvalidRequest for any other change. https://docs.stripe.com/refunds#failed-refunds
    """
    if (refund["status"], status) not in _CHANGES:
        raise InvalidRequest(f"A refund that is {refund['status']} cannot become {status}.")
    charge = call.load("charge", refund["charge"], "charge")
    before = {"status": refund["status"]}
    refund["status"] = status
    refund.pop("pending_reason", None)
    if status == "succeeded" and refund["balance_transaction"] is None:
        _debit(call, charge, refund)
    if status == "failed":
        refund["failure_reason"] = failure_reason
        if refund["balance_transaction"]:
            refund["failure_balance_transaction"] = balance.record(
                call,
                Movement(
                    "refund_failure",
                    "refund_failure",
                    refund["id"],
                    refund["amount"],
                    refund["currency"],
                ),
            )
        _count_in(call, charge, -refund["amount"])
    call.store.update(refund)
    call.emit("refund.updated", refund, before)
    if status == "failed":
        call.emit("refund.failed", refund)


_CHANGES = {("pending", "succeeded"), ("pending", "failed"), ("succeeded", "failed")}


def _charge(call: Call) -> Json:
    """The charge that the parameters mean. Raises InvalidRequest if nothing was captured of it."""
    params = call.params
    if ("payment_intent" in params) == ("charge" in params):
        raise RefusedParameter(
            "You must provide exactly one of the following parameters: payment_intent or charge."
        )
    if "charge" in params:
        charge = call.load("charge", params["charge"], "charge")
    else:
        intent = call.load("payment_intent", params["payment_intent"], "payment_intent")
        charge = call.store.get("charge", intent["latest_charge"] or "") or {}
    if not charge.get("captured"):
        intent_id = params.get("payment_intent") or charge["payment_intent"]
        raise InvalidRequest(
            f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.",
            param="charge" if "charge" in params else "payment_intent",
        )
    return charge


def _amount(call: Call, charge: Json) -> int:
    """https://docs.stripe.com/error-codes#charge-already-refunded"""
    left: int = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise InvalidRequest(
            f"Charge {charge['id']} has already been refunded.", "charge_already_refunded"
        )
    amount = at_least_one(call.params.get("amount", left), "amount")
    if amount > left:
        asked, rest = (spoken(minor, charge["currency"]) for minor in (amount, left))
        raise InvalidRequest(
            f"Refund amount ({asked}) is greater than unrefunded amount on charge ({rest})",
            param="amount",
        )
    return amount


def _short_of(call: Call, charge: Json, amount: int) -> bool:
    """Whether a refund must wait for the balance; one of pending money is netted from it.

    https://docs.stripe.com/refunds#pending-refunds
    """
    if not call.settings.refunds_wait_for_balance:
        return False
    if balance.pending_with(call, charge["balance_transaction"]) is not None:
        return False
    return balance.sums(call.store)["available"].get(charge["currency"], 0) < amount


def _debit(
    call: Call, charge: Json, refund: Json, *, category: str = "refund", fee: int = 0
) -> None:
    """Stripe keeps its fee on what is refunded: https://docs.stripe.com/refunds#refund-fees"""
    until = balance.pending_with(call, charge["balance_transaction"])
    amount, currency = -refund["amount"], refund["currency"]
    moved = Movement("refund", category, refund["id"], amount, currency, fee, until)
    refund["balance_transaction"] = balance.record(call, moved)


def _count_in(call: Call, charge: Json, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    call.store.update(charge)
    if charge["refunded"]:
        fraud_warnings.settle(call, charge["id"])


def _blank(now: int, charge: Json, amount: int, how: str = "refund") -> dict[str, Any]:
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": how}, "type": "card"},
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


_FIELDS = "amount charge metadata payment_intent reason"
ROUTES = [
    Route("POST", "/v1/refunds", create, RefundCreateParams, _FIELDS),
    Route("GET", "/v1/refunds", list_, RefundListParams, f"{PAGE} charge payment_intent"),
    Route("GET", "/v1/refunds/:id", retrieve, RefundRetrieveParams),
]
