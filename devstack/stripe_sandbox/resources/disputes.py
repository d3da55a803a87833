"""Disputes: a bank takes money back, and who wins it in the end; https://docs.stripe.com/disputes"""

from stripe.params import (
    DisputeCloseParams,
    DisputeListParams,
    DisputeRetrieveParams,
    DisputeUpdateParams,
)

from devstack.stripe_sandbox.errors import InvalidRequest
from devstack.stripe_sandbox.lists import PAGE, filters, page
from devstack.stripe_sandbox.metadata import merged
from devstack.stripe_sandbox.money import at_least_one
from devstack.stripe_sandbox.resources import balance, fraud_warnings, refunds
from devstack.stripe_sandbox.resources.balance import Movement
from devstack.stripe_sandbox.resources.dispute_object import REASONS, new_dispute
from devstack.stripe_sandbox.routes import Call, Route
from devstack.stripe_sandbox.store import Json

_OPEN = ("needs_response", "under_review")
_INQUIRY = ("warning_needs_response", "warning_under_review")
# Documented words for the text of the evidence: https://docs.stripe.com/testing#evidence
_VERDICTS = {"winning_evidence": "won", "losing_evidence": "lost"}


def open_against(call: Call, name: str, wanted: Json) -> Json:
    """The holder of the card disputes a charge: `reason`, `amount` (all that is left), or as an
    `inquiry`, which moves no money yet.

    A payment that is refunded in full can't be charged back.
    https://docs.stripe.com/disputes/how-disputes-work
    """
    charge = call.open("charge", name)
    left = charge["amount"] - charge["amount_refunded"]
    amount = wanted.get("amount", left)
    reason = wanted.get("reason", "fraudulent")
    if type(amount) is not int or not charge["captured"] or charge["disputed"] or left == 0:
        raise InvalidRequest(f"{name} holds nothing that could be disputed now.")
    if at_least_one(amount, "amount") > left or reason not in REASONS:
        raise InvalidRequest(f"At most {left} can be disputed, for one of {', '.join(REASONS)}.")
    dispute = new_dispute(call, charge, amount, reason, inquiry=wanted.get("inquiry") is True)
    call.store.insert(dispute)
    charge["disputed"] = True
    call.store.update(charge)
    call.store.schedule(dispute["evidence_details"]["due_by"], "evidence", dispute["id"])
    call.emit("charge.dispute.created", dispute)
    if dispute["status"] == "needs_response":
        _withdraw(call, dispute)
    fraud_warnings.settle(call, name)
    return dispute


def update(call: Call, name: str) -> Json:
    """Evidence goes to the bank at once, unless `submit` is false.

    "Changing this to true submits evidence to the bank" (`submit`, true unless given).
    https://docs.stripe.com/api/disputes/update
    """
    dispute = call.open("dispute", name)
    evidence = call.params.get("evidence") or {}
    if evidence and dispute["status"] not in (*_OPEN, *_INQUIRY):
        raise InvalidRequest("This dispute is already closed.")
    dispute["metadata"] = merged(dispute["metadata"], call.params.get("metadata"))
    dispute["evidence"] |= {field: value or None for field, value in evidence.items()}
    details = dispute["evidence_details"]
    details["has_evidence"] = details["has_evidence"] or bool(evidence)
    before = {"status": dispute["status"]}
    if details["has_evidence"] and call.params.get("submit", True):
        details["submission_count"] += 1
        details["submission_method"] = "manual"
        details["past_due"] = call.now > details["due_by"]
        dispute["status"] = before["status"].replace("needs_response", "under_review")
    call.store.update(dispute)
    call.emit("charge.dispute.updated", dispute, before)
    verdict = _VERDICTS.get(evidence.get("uncategorized_text", ""))
    if verdict and details["submission_count"] and dispute["status"] in _OPEN:
        _decide(call, dispute, verdict)
    return dispute


def close(call: Call, name: str) -> Json:
    """Accepts the dispute: "The status of the dispute will change from needs_response to lost."

    https://docs.stripe.com/api/disputes/close
    """
    dispute = call.open("dispute", name)
    if dispute["status"] not in (*_OPEN, *_INQUIRY):
        raise InvalidRequest("This dispute is already closed.")
    return _decide(call, dispute, "lost" if dispute["status"] in _OPEN else "warning_closed")


def decide(call: Call, name: str, wanted: Json) -> Json:
    """What the bank makes of it: `status` won or lost; of an inquiry warning_closed, or
    needs_response, when it becomes a chargeback.

    https://docs.stripe.com/disputes/how-disputes-work#inquiries
    """
    dispute = call.open("dispute", name)
    verdict = wanted.get("status")
    if dispute["status"] in _INQUIRY and verdict == "needs_response":
        before = {"status": dispute["status"]}
        dispute |= {"status": verdict, "is_charge_refundable": False}
        call.store.update(dispute)
        call.emit("charge.dispute.updated", dispute, before)
        return _withdraw(call, dispute)
    allowed = {"warning_closed"} if dispute["status"] in _INQUIRY else {"won", "lost"}
    if dispute["status"] not in (*_OPEN, *_INQUIRY) or verdict not in allowed:
        raise InvalidRequest(f"A dispute that is {dispute['status']} cannot become {verdict}.")
    return _decide(call, dispute, verdict)


def run_out(call: Call, name: str) -> None:
    """Nobody has answered by `due_by`: the bank decides for its customer.

    https://docs.stripe.com/disputes/responding
    """
    dispute = call.load("dispute", name, "id")
    if dispute["status"] == "needs_response":
        _decide(call, dispute, "lost")


def retrieve(call: Call, name: str) -> Json:
    """https://docs.stripe.com/api/disputes/retrieve"""
    return call.open("dispute", name)


def list_(call: Call) -> Json:
    """https://docs.stripe.com/api/disputes/list"""
    return page(call, "dispute", "/v1/disputes", filters(call, "charge", "payment_intent"))


def _withdraw(call: Call, dispute: Json) -> Json:
    """Amount and fee leave at once. https://docs.stripe.com/disputes/how-disputes-work

    A refund that waits fails: https://docs.stripe.com/refunds#failed-refunds
    """
    for refund in call.store.find("refund", limit=100, fields={"charge": dispute["charge"]}):
        if refund["status"] == "pending":
            refunds.resolve(call, refund, "failed", "charge_for_pending_refund_disputed")
    moved = Movement(
        "adjustment",
        "dispute",
        dispute["id"],
        -dispute["amount"],
        dispute["currency"],
        call.settings.dispute_fee,
    )
    return _move(call, dispute, moved, "charge.dispute.funds_withdrawn")


def _decide(call: Call, dispute: Json, verdict: str) -> Json:
    """Closes it; won money comes back, its fee does not.

    https://docs.stripe.com/disputes/how-disputes-work
    """
    before = {"status": dispute["status"]}
    dispute["status"] = verdict
    call.store.update(dispute)
    call.emit("charge.dispute.closed", dispute, before)
    if verdict == "won":
        amount, currency = dispute["amount"], dispute["currency"]
        moved = Movement("adjustment", "dispute_reversal", dispute["id"], amount, currency)
        _move(call, dispute, moved, "charge.dispute.funds_reinstated")
    if verdict in ("won", "warning_closed"):
        charge = call.load("charge", dispute["charge"], "charge")
        charge["disputed"] = verdict == "won"
        call.store.update(charge)
    return dispute


def _move(call: Call, dispute: Json, moved: Movement, event_type: str) -> Json:
    name = balance.record(call, moved)
    dispute["balance_transactions"].append(call.load("balance_transaction", name, "id"))
    call.store.update(dispute)
    call.emit(event_type, dispute)
    return dispute


_URL = "/v1/disputes"
ROUTES = [
    Route("GET", _URL, list_, DisputeListParams, f"{PAGE} charge payment_intent"),
    Route("GET", f"{_URL}/:id", retrieve, DisputeRetrieveParams),
    Route("POST", f"{_URL}/:id", update, DisputeUpdateParams, "evidence metadata submit"),
    Route("POST", f"{_URL}/:id/close", close, DisputeCloseParams),
]
