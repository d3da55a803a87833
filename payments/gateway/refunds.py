"""Refunds: https://docs.stripe.com/refunds"""

from datetime import datetime
from typing import Any

import stripe

from payments.gateway.answers import Outcome, Reply, ask, client, look, made_by


def refund(key: str, params: dict[str, Any]) -> Reply:
    """Give captured money back to the card. https://docs.stripe.com/api/refunds/create"""
    return ask(
        lambda: client().v1.refunds.create(
            params,  # type: ignore[arg-type]
            {"idempotency_key": key},
        ),
        _given_back,
    )


def find_refund(params: dict[str, Any], operation_id: str, since: datetime) -> Reply:
    """Look for what a refund created, and what has become of it."""
    of_intent = {"payment_intent": params["payment_intent"], "limit": 100}

    def read() -> Any:
        page = client().v1.refunds.list(of_intent)  # type: ignore[arg-type]
        return made_by(operation_id, page.auto_paging_iter())

    return look(read, _given_back)


def _given_back(refund: stripe.Refund) -> Reply:
    match refund.status:
        case "succeeded":
            return Reply(Outcome.SUCCEEDED, object_id=refund.id)
        case "pending" | "requires_action":
            return Reply(
                Outcome.UNKNOWN,
                object_id=refund.id,
                code=f"refund_{refund.status}",
                message=f"{refund.id} is under way at Stripe.",
                read_only=True,
            )
        case _:
            return Reply(
                Outcome.FAILED,
                object_id=refund.id,
                code=refund.failure_reason or f"refund_{refund.status}",
                message=f"{refund.id} failed.",
            )
