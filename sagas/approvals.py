"""A second person for money that is moved by hand: above a limit, another must have agreed before.

The agreement is a line of the audit. It is for one move of one order, good for a day, used once,
and never by whoever gave it.
"""

from datetime import timedelta
from typing import TypedDict
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from campusg.errors import Conflict
from campusg.money import formatted
from sagas.models import Action, Run
from sagas.operating import reason_given

#: The act's name in the audit.
APPROVE = "approve"
GOOD_FOR = timedelta(days=1)


class SecondPersonNeeded(Conflict):
    """So much money is moved by hand only if somebody else has approved it within the last day."""

    code = "second_person_needed"


class Approved(TypedDict):
    """The limit that the money is above, in minor units, and the line of the audit that says that
    somebody else agrees; neither below the limit."""

    approval_limit: int | None
    approval_id: int | None


def approve(
    *, move: str, order_id: UUID, amount: int, currency: str, by_user_id: UUID, actor: str,
    reason: str,
) -> Action:  # fmt: skip
    """Agree that somebody else makes this move, of `amount` minor units. Raises NoReason."""
    return Action.objects.create(
        saga=move, name=APPROVE, actor=actor, reason=reason_given(reason),
        plan=[f"Let somebody else do {move} of order {order_id}: {formatted(amount, currency)}."],
        before={
            "order_id": str(order_id), "by_user_id": str(by_user_id), "amount": amount,
            "currency": currency,
        },
    )  # fmt: skip


def approved(
    *, move: str, order_id: UUID, amount: int, currency: str, by_user_id: UUID
) -> Approved:
    """What allows this user to make this move. Call it with the order locked: then nobody else
    uses the same agreement. Raises SecondPersonNeeded."""
    limit = settings.MONEY_BY_HAND_LIMITS.get(currency)
    if limit is None or amount <= limit:
        return {"approval_limit": None, "approval_id": None}
    used = Run.objects.filter(saga=move, key=str(order_id)).values_list(
        "facts__approval_id", flat=True
    )
    given = (
        Action.objects.filter(name=APPROVE, saga=move, done_at__gt=Now() - GOOD_FOR)
        .filter(before__order_id=str(order_id), before__amount=amount)
        .exclude(before__by_user_id=str(by_user_id))
        .exclude(pk__in=[one for one in used if one])
    )
    approval = given.first()
    if approval is None:
        raise SecondPersonNeeded(
            f"{formatted(amount, currency)} is more than one person moves by hand"
            f" ({formatted(limit, currency)}): have another operator approve it first"
            " (POST /api/approvals, or the order's page in the admin), then ask again."
        )
    return {"approval_limit": limit, "approval_id": approval.pk}
