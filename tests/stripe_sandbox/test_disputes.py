"""Disputes take the money at once and decide later; a warning may come before."""

from typing import Any

import pytest
import stripe

from tests.stripe_sandbox.money import charge_of, event_types, holdings, sell
from tests.stripe_sandbox.running import RunningSandbox, eventually

DAY = 86_400
FEE = 1500


@pytest.fixture
def charge(client: stripe.StripeClient) -> stripe.Charge:
    """A captured payment of 16 dollars."""
    return charge_of(client, sell(client))


def charge_back(sandbox: RunningSandbox, charge: Any, **wanted: Any) -> Any:
    return sandbox.control("POST", f"charge_back/{charge.id}", wanted)


def test_a_chargeback_takes_amount_and_fee_at_once(
    sandbox: RunningSandbox, client: stripe.StripeClient, charge: stripe.Charge
) -> None:
    before, _ = holdings(client)
    made = charge_back(sandbox, charge, reason="product_not_received")
    assert (made["amount"], made["status"]) == (1600, "needs_response")
    assert made["created"] + 7 * DAY <= made["evidence_details"]["due_by"]
    assert holdings(client)[0] == before - 1600 - FEE
    assert client.v1.charges.retrieve(charge.id).disputed
    (entry,) = client.v1.balance_transactions.list({"source": made["id"]}).data
    assert (entry.type, entry.reporting_category) == ("adjustment", "dispute")
    assert (entry.amount, entry.fee, entry.net) == (-1600, FEE, -1600 - FEE)
    assert event_types(client, 2) == ["charge.dispute.funds_withdrawn", "charge.dispute.created"]
    (listed,) = client.v1.disputes.list({"charge": charge.id}).data
    assert listed.id == made["id"]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"charge": charge.id})
    assert refused.value.code == "charge_disputed"
    assert sandbox.raw("POST", f"/_sandbox/charge_back/{charge.id}", {})[0] == 400


def test_a_dispute_won_brings_the_amount_back_and_not_the_fee(
    sandbox: RunningSandbox, client: stripe.StripeClient, charge: stripe.Charge
) -> None:
    before, _ = holdings(client)
    made = charge_back(sandbox, charge)
    staged = client.v1.disputes.update(
        made["id"], {"evidence": {"product_description": "Soup"}, "submit": False}
    )
    assert (staged.status, staged.evidence_details.has_evidence) == ("needs_response", True)
    sent = client.v1.disputes.update(made["id"], {"metadata": {"seen_by": "ops"}})
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    won = sandbox.control("POST", f"disputes/{made['id']}", {"status": "won"})
    assert won["status"] == "won"
    assert len(won["balance_transactions"]) == 2
    assert holdings(client)[0] == before - FEE
    assert event_types(client, 2) == ["charge.dispute.funds_reinstated", "charge.dispute.closed"]
    again = sandbox.raw("POST", f"/_sandbox/disputes/{made['id']}", {"status": "lost"})
    assert again[0] == 400
    assert client.v1.refunds.create({"charge": charge.id}).status == "succeeded"


@pytest.mark.parametrize("how", ["close", "evidence", "time", "bank"])
def test_a_dispute_is_lost_by_giving_up_by_weak_evidence_by_time_or_by_the_bank(
    sandbox: RunningSandbox, client: stripe.StripeClient, charge: stripe.Charge, how: str
) -> None:
    before, _ = holdings(client)
    made = charge_back(sandbox, charge)
    if how == "close":
        client.v1.disputes.close(made["id"])
    elif how == "evidence":
        weak: Any = {"evidence": {"uncategorized_text": "losing_evidence"}}
        client.v1.disputes.update(made["id"], weak)
    elif how == "time":
        sandbox.settings(clock_offset_seconds=10 * DAY)
    else:
        sandbox.control("POST", f"disputes/{made['id']}", {"status": "lost"})
    assert client.v1.disputes.retrieve(made["id"]).status == "lost"
    assert event_types(client, 1) == ["charge.dispute.closed"]
    assert holdings(client)[0] == before - 1600 - FEE
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        client.v1.disputes.close(made["id"])


def test_winning_evidence_wins(
    sandbox: RunningSandbox, client: stripe.StripeClient, charge: stripe.Charge
) -> None:
    made = charge_back(sandbox, charge, amount=600)
    strong: Any = {"evidence": {"uncategorized_text": "winning_evidence"}}
    assert client.v1.disputes.update(made["id"], strong).status == "won"


def test_an_inquiry_moves_no_money_until_it_becomes_a_chargeback(
    sandbox: RunningSandbox, client: stripe.StripeClient, charge: stripe.Charge
) -> None:
    before, _ = holdings(client)
    made = charge_back(sandbox, charge, inquiry=True)
    assert (made["status"], made["is_charge_refundable"]) == ("warning_needs_response", True)
    assert holdings(client)[0] == before
    assert event_types(client, 1) == ["charge.dispute.created"]
    grown = sandbox.control("POST", f"disputes/{made['id']}", {"status": "needs_response"})
    assert (grown["status"], grown["is_charge_refundable"]) == ("needs_response", False)
    assert holdings(client)[0] == before - 1600 - FEE


def test_an_inquiry_may_be_answered_by_a_refund_and_closes(
    sandbox: RunningSandbox, client: stripe.StripeClient, charge: stripe.Charge
) -> None:
    made = charge_back(sandbox, charge, inquiry=True)
    client.v1.refunds.create({"charge": charge.id})
    closed = sandbox.control("POST", f"disputes/{made['id']}", {"status": "warning_closed"})
    assert closed["status"] == "warning_closed"
    assert not client.v1.charges.retrieve(charge.id).disputed
    assert sandbox.raw("POST", f"/_sandbox/charge_back/{charge.id}", {})[0] == 400  # all refunded


def test_a_refund_that_waits_fails_when_its_charge_is_disputed(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sale = sell(client, card="pm_card_pendingRefund")
    refund = client.v1.refunds.create({"payment_intent": sale.id, "amount": 100})
    charge_back(sandbox, charge_of(client, sale), amount=1500)
    failed = client.v1.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == (
        "failed",
        "charge_for_pending_refund_disputed",
    )


@pytest.mark.parametrize(
    ("card", "reason", "status"),
    [
        ("createDispute", "fraudulent", "needs_response"),
        ("createDisputeProductNotReceived", "product_not_received", "needs_response"),
        ("createDisputeInquiry", "fraudulent", "warning_needs_response"),
    ],
)
def test_some_cards_are_disputed_as_soon_as_they_are_charged(
    client: stripe.StripeClient, card: str, reason: str, status: str
) -> None:
    sale = sell(client, card=f"pm_card_{card}")
    eventually(lambda: client.v1.disputes.list({"payment_intent": sale.id}).data)
    (made,) = client.v1.disputes.list({"payment_intent": sale.id}).data
    assert (made.reason, made.status) == (reason, status)


@pytest.mark.parametrize("then", ["refund", "dispute"])
def test_a_warning_is_actionable_until_refund_or_dispute(
    sandbox: RunningSandbox, client: stripe.StripeClient, then: str
) -> None:
    sale = sell(client, card="pm_card_createIssuerFraudRecord")
    warnings = client.v1.radar.early_fraud_warnings
    of_sale: Any = {"payment_intent": sale.id}
    eventually(lambda: warnings.list(of_sale).data)
    (warning,) = warnings.list(of_sale).data
    assert warning.actionable
    assert event_types(client, 1) == ["radar.early_fraud_warning.created"]
    if then == "refund":
        client.v1.refunds.create(of_sale)
    else:
        charge_back(sandbox, charge_of(client, sale))
    assert not warnings.retrieve(warning.id).actionable
    assert "radar.early_fraud_warning.updated" in event_types(client, 4)


def test_the_totals_still_explain_the_balance(
    sandbox: RunningSandbox, client: stripe.StripeClient, charge: stripe.Charge
) -> None:
    charge_back(sandbox, charge, amount=1000)
    sandbox.control("POST", "payouts", {})
    totals = sandbox.control("GET", "totals")
    sums = totals["money"]["usd"]
    left = sums["captured"] - sums["refunded"] - sums["fees"] - sums["transferred"]
    left += sums["reversed"] - sums["disputed"] - sums["paid_out"]
    assert left == sum(by_currency.get("usd", 0) for by_currency in totals["balance"].values())
