"""Paying out as a step: each payee gets a run of their own, so that none waits for another."""

from typing import Any, TypedDict
from uuid import UUID

from orders.services import owner_of
from sagas.engine import participant
from sagas.engine.starting import enqueue_many, signal, take_up
from sagas.models import Run, RunStatus


class PayoutDue(TypedDict):
    """So many minor units of an order are owed to `owner` and paid to the user `payee_id`."""

    order_id: UUID
    leg: str
    owner: UUID
    payee_id: UUID
    amount: int
    currency: str


@participant()
def start(
    *,
    order_id: UUID,
    restaurant_id: UUID,
    runner_id: UUID,
    currency: str,
    captured: int,
    restaurant_due: int,
    runner_due: int,
) -> None:
    """Pay restaurant and runner, each alone. What the customer still owes us is not paid on."""
    if captured:
        _start(order_id, restaurant_id, runner_id, currency, restaurant_due, runner_due)


@participant()
def start_owed(
    *,
    order_id: UUID,
    restaurant_id: UUID,
    runner_id: UUID,
    currency: str,
    restaurant_due: int,
    runner_due: int,
) -> None:
    """Pay those who had to wait until somebody settled what the customer owed."""
    _start(order_id, restaurant_id, runner_id, currency, restaurant_due, runner_due)


@participant()
def start_what_is_due(
    *,
    order_id: UUID,
    restaurant_id: UUID,
    runner_id_before: UUID | None,
    currency: str,
    restaurant_due: int,
    runner_due: int,
) -> None:
    """Pay those who did their part of a cancelled order."""
    _start(order_id, restaurant_id, runner_id_before, currency, restaurant_due, runner_due)


@participant()
def end_waiting(*, order_id: UUID) -> None:
    """Wake the payouts that still wait: they find that the money goes back, and end."""
    keys = [f"{order_id}:restaurant", f"{order_id}:runner"]
    waiting = Run.objects.filter(saga="pay_out", key__in=keys, status=RunStatus.WAITING)
    for run_id, waits_for in waiting.values_list("id", "waits_for"):
        signal(run_id, waits_for)


@participant()
def take_up_frozen(*, order_id: UUID) -> None:
    """Wake the payouts that a lost dispute froze: what becomes of them is decided."""
    for leg in ("restaurant", "runner"):
        take_up("pay_out", f"{order_id}:{leg}", "It is decided what becomes of the payees.")


def _start(
    order_id: UUID,
    restaurant_id: UUID,
    runner_id: UUID | None,
    currency: str,
    restaurant_due: int,
    runner_due: int,
) -> None:
    legs: list[tuple[str, UUID | None, UUID | None, int]] = [
        ("restaurant", restaurant_id, owner_of(restaurant_id=restaurant_id), restaurant_due),
        ("runner", runner_id, runner_id, runner_due),
    ]
    runs: list[tuple[str, dict[str, Any]]] = [
        (
            f"{order_id}:{leg}",
            {
                "order_id": order_id,
                "leg": leg,
                "owner": owner,
                "payee_id": payee_id,
                "amount": amount,
                "currency": currency,
            },
        )
        for leg, owner, payee_id, amount in legs
        if amount
    ]
    enqueue_many("pay_out", runs)
