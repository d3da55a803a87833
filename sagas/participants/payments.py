"""Payments as steps: hold the money, take it, pay it on, give it back."""

import logging
from collections.abc import Mapping
from typing import Any, TypedDict, TypeVar
from uuid import UUID

from campusg.errors import Refused
from escrow.services import set_off
from orders import services as orders
from orders.errors import OrderMoved
from payments import claims, payouts, refunds, services
from payments.claims import Collected
from payments.errors import (
    NothingHeld,
    NothingToRefund,
    OperatorNeeded,
    PaymentBusy,
    PaymentDeclined,
    PaymentDisputed,
    PaymentNotConfirmed,
    PaymentUnanswered,
    PayoutOff,
)
from payments.gateway import Reply
from payments.operations import Call
from payments.payouts import Leg, Reversed, Transferred
from payments.refunds import Refunded, Settled
from payments.services import Authorized, Captured
from sagas.engine import Retry, Unknown, Waiting, participant, remote_participant
from sagas.engine.results import Result
from users.errors import AccountGone, CannotBePaid, NoSavedCard, NotACustomer
from users.services import get_customer, payee_of

log = logging.getLogger(__name__)


@remote_participant(
    gives=Authorized,
    refuses=(PaymentDeclined, PaymentNotConfirmed, PaymentUnanswered, OperatorNeeded),
)
def authorize(
    *,
    order_id: UUID,
    customer_id: UUID,
    total: int,
    currency: str,
    stripe_customer: str,
    payment_method: str,
) -> Call | Authorized | Refused | Unknown | Waiting:
    """Hold the order's total on the customer's card."""
    return services.prepare_authorization(
        order_id=order_id,
        customer_id=customer_id,
        amount=total,
        currency=currency,
        stripe_customer=stripe_customer,
        payment_method=payment_method,
    )


authorize.call(services.perform)


@authorize.record
def _authorized(call: Call, reply: Reply) -> Result:
    result = services.record_authorization(call, reply)
    if isinstance(result, Waiting):
        _let_the_customer_know(UUID(call.params["metadata"]["order_id"]))
    return result


def _let_the_customer_know(order_id: UUID) -> None:
    """Only while it waits can the order's customer be shown how to confirm the payment."""
    try:
        orders.await_payment(order_id=order_id)
    except OrderMoved:
        # Called off meanwhile, or it waits already; a later step, or nobody, minds.
        log.info("order %s is not awaiting its payment", order_id)


@participant(refuses=NothingHeld)
def authorization_of(*, order_id: UUID) -> Authorized:
    """The call that holds the order's money on the card now."""
    return services.authorization_of(order_id=order_id)


@remote_participant(refuses=PaymentBusy, retry=Retry(tries=12))
def release(*, order_id: UUID) -> Call | Refused | None:
    """Give back whatever is held for the order, known to us or not."""
    return services.prepare_release(order_id=order_id)


release.call(services.perform)
release.record(services.record_release)


@remote_participant(gives=Captured, refuses=(PaymentBusy, NothingHeld))
def capture(*, order_id: UUID, total: int) -> Call | Captured | Refused | Unknown:
    """Take the order's total; a card that says no now comes out as nothing captured."""
    return services.prepare_capture(order_id=order_id, amount=total)


capture.call(services.perform)
capture.record(services.record_capture)


@remote_participant(
    gives=Collected, refuses=(PaymentBusy, PaymentDeclined, NotACustomer, NoSavedCard)
)
def collect(
    *, order_id: UUID, paid_by: str, customer_id: UUID, total: int
) -> Call | Collected | Refused | Unknown:
    """Charge the saved card once more; or ask it no more, when the platform bears it."""
    if paid_by == "platform":
        return claims.write_off(order_id=order_id)
    card = get_customer(customer_id=customer_id)
    return claims.prepare_charge(
        order_id=order_id,
        amount=total,
        stripe_customer=card["stripe_customer"],
        payment_method=card["payment_method"],
    )


collect.call(services.perform)
collect.record(claims.record_charge)


@remote_participant(gives=Settled, refuses=(PaymentBusy, NothingHeld))
def settle(
    *, order_id: UUID, food_due: int, delivery_due: int, platform_due: int
) -> Call | Settled | Refused | Unknown | None:
    """Void the hold, capture the part that is due, or give back what is too much."""
    return refunds.prepare_settlement(order_id=order_id, due=food_due + delivery_due + platform_due)


settle.call(services.perform)
settle.record(refunds.record_settlement)


@remote_participant(gives=Transferred, refuses=PayoutOff)
def transfer(
    *, order_id: UUID, leg: str, owner: UUID, payee_id: UUID, amount: int
) -> Call | Transferred | Refused | Waiting:
    """Pay one leg to its payee's account, without what they owe us, or wait until that can be."""
    disputed = payouts.wait_for_verdict(order_id=order_id, leg=Leg(leg), amount=amount)
    if disputed is not None:
        return disputed
    try:
        account = payee_of(user_id=payee_id)
    except AccountGone as gone:
        return payouts.never_to_be_paid(order_id=order_id, leg=Leg(leg), why=str(gone))
    except CannotBePaid as why:
        return payouts.wait_for_account(
            order_id=order_id, leg=Leg(leg), amount=amount, why=str(why)
        )
    kept = set_off(order_id=order_id, owner=owner, code=f"{leg}_payable", amount=amount)
    return payouts.prepare_transfer(
        order_id=order_id, leg=Leg(leg), destination=account, amount=amount - kept
    )


transfer.call(services.perform)
transfer.record(payouts.record_transfer)


class Refunding(TypedDict):
    """How many minor units go back to the customer."""

    refund_due: int


@participant(refuses=(NothingHeld, NothingToRefund, PaymentBusy, PaymentDisputed))
def begin_refund(*, order_id: UUID) -> Refunding:
    """Pay nothing more on: the money goes back."""
    return {"refund_due": refunds.begin_refund(order_id=order_id)}


@participant()
def stop_refund(*, order_id: UUID) -> None:
    """Let the money be paid on after all."""
    refunds.stop_refund(order_id=order_id)


class RestaurantReversed(TypedDict):
    """Of the restaurant's pay: what came back, by which call, and what it owes us now."""

    restaurant_reversed: int
    restaurant_owes: int
    restaurant_reversal_id: UUID | None


class RunnerReversed(TypedDict):
    """The same of the runner's."""

    runner_reversed: int
    runner_owes: int
    runner_reversal_id: UUID | None


@remote_participant(gives=RestaurantReversed)
def reverse_restaurant(*, order_id: UUID) -> Result | Call:
    """Take back what the restaurant was paid, if it still has it."""
    return _of(Leg.RESTAURANT, payouts.prepare_reversal(order_id=order_id, leg=Leg.RESTAURANT))


@remote_participant(gives=RunnerReversed)
def reverse_runner(*, order_id: UUID) -> Result | Call:
    """Take back what the runner was paid, if they still have it."""
    return _of(Leg.RUNNER, payouts.prepare_reversal(order_id=order_id, leg=Leg.RUNNER))


reverse_restaurant.call(services.perform)
reverse_runner.call(services.perform)


@reverse_restaurant.record
def _restaurant_reversed(call: Call, reply: Reply) -> Result:
    return _of(Leg.RESTAURANT, payouts.record_reversal(call, reply))


@reverse_runner.record
def _runner_reversed(call: Call, reply: Reply) -> Result:
    return _of(Leg.RUNNER, payouts.record_reversal(call, reply))


@remote_participant(gives=Refunded)
def refund(*, order_id: UUID, refund_due: int) -> Call | Refunded | Refused:
    """Give the money back to the card."""
    return refunds.prepare_refund(order_id=order_id, amount=refund_due)


refund.call(services.perform)
refund.record(refunds.record_refund)


Other = TypeVar("Other")


def _of(leg: Leg, result: Reversed | Other) -> Mapping[str, Any] | Other:
    """The leg's own names for what came of its reversal; anything else as it is."""
    if not isinstance(result, dict):
        return result
    return {
        f"{leg}_reversed": result["reversed"],
        f"{leg}_owes": result["owed"],
        f"{leg}_reversal_id": result["operation_id"],
    }
