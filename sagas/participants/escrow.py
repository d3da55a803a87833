"""Escrow as steps: set an order's money aside in the books, pass it on, put it back."""

from uuid import UUID

from campusg.money import formatted
from escrow import errors, services
from escrow.services import Held, PaidFor, Released
from payments.services import paid_by_card
from sagas.engine import Unkept, participant
from scheduler import services as scheduler


@participant(refuses=(errors.RestaurantFrozen, errors.EscrowCapReached, errors.AlreadyHeld))
def hold(
    *,
    order_id: UUID,
    customer_id: UUID,
    restaurant_id: UUID,
    payment_operation_id: UUID,
    food_fee: int,
    delivery_fee: int,
    platform_fee: int,
    currency: str,
) -> Held:
    """Set food, delivery and platform fee aside, pending, and not for ever."""
    scheduler.start_escrow_timeout(order_id=order_id)
    return services.hold(
        order_id=order_id,
        customer_id=customer_id,
        restaurant_id=restaurant_id,
        payment_operation_id=payment_operation_id,
        food_fee=food_fee,
        delivery_fee=delivery_fee,
        platform_fee=platform_fee,
        currency=currency,
    )


@participant()
def cancel(*, order_id: UUID) -> None:
    """Put back whatever is set aside for the order."""
    scheduler.cancel_escrow_timeout(order_id=order_id)
    services.cancel(order_id=order_id)


@participant()
def capture(
    *,
    order_id: UUID,
    food_fee: int,
    delivery_fee: int,
    platform_fee: int,
    captured: int,
    stripe_fee: int,
    capture_operation_id: UUID,
) -> None:
    """Book what was captured, and what Stripe kept of it. Nothing captured books nothing."""
    if captured:
        services.capture(
            order_id=order_id,
            amount=captured,
            stripe_fee=stripe_fee,
            operation_id=capture_operation_id,
            food=food_fee,
            delivery=delivery_fee,
            platform=platform_fee,
        )


@participant()
def release(*, order_id: UUID, restaurant_id: UUID, runner_id: UUID, captured: int) -> Released:
    """Owe it to restaurant, runner and platform. Nothing captured: the customer owes it to us."""
    give = services.release if captured else services.claim
    return give(order_id=order_id, restaurant_id=restaurant_id, runner_id=runner_id)


@participant(refuses=errors.NoHold)
def pass_on(*, order_id: UUID, restaurant_id: UUID, runner_id: UUID | None) -> Released:
    """Owe what was captured to restaurant, runner and platform."""
    return services.release(order_id=order_id, restaurant_id=restaurant_id, runner_id=runner_id)


@participant()
def settle(
    *,
    order_id: UUID,
    restaurant_id: UUID,
    runner_id_before: UUID | None,
    food_fee: int,
    delivery_fee: int,
    platform_fee: int,
    food_due: int,
    delivery_due: int,
    platform_due: int,
    captured: int,
    refunded: int,
    refund_failed: bool,
    stripe_fee: int,
    settlement_operation_id: UUID,
) -> Released:
    """Owe what a cancelled order's card paid to whom it is due; put the rest back."""
    if not captured:
        services.cancel(order_id=order_id)
        return {"restaurant_due": 0, "runner_due": 0, "platform_kept": 0}
    if not refunded:
        services.capture(
            order_id=order_id,
            amount=captured,
            stripe_fee=stripe_fee,
            operation_id=settlement_operation_id,
            food=food_due,
            delivery=delivery_due,
            platform=platform_due,
        )
    else:
        services.refund(
            order_id=order_id,
            amount=refunded,
            operation_id=settlement_operation_id,
            food=food_fee - food_due,
            delivery=delivery_fee - delivery_due,
            platform=platform_fee - platform_due,
        )
        if not refund_failed:
            services.refund_done(order_id=order_id, operation_id=settlement_operation_id)
    return services.release(
        order_id=order_id, restaurant_id=restaurant_id, runner_id=runner_id_before
    )


@participant()
def settle_claim(
    *, order_id: UUID, collected: int, collection_fee: int, collection_id: UUID | None
) -> Released:
    """Book who has settled what the customer owed: the card after all, or the platform."""
    return services.settle_claim(
        order_id=order_id,
        collected=collected,
        stripe_fee=collection_fee,
        operation_id=collection_id,
    )


@participant()
def pay_out(
    *, order_id: UUID, leg: str, owner: UUID, sent: int, transfer_operation_id: UUID | None
) -> None:
    """Owe so much less to the payee."""
    if transfer_operation_id is not None:
        services.pay_out(
            order_id=order_id,
            owner=owner,
            code=f"{leg}_payable",
            amount=sent,
            operation_id=transfer_operation_id,
        )


@participant(refuses=errors.NoHold)
def paid_for(*, order_id: UUID) -> PaidFor:
    """Whose money it is that shall go back."""
    return services.paid_for(order_id=order_id)


@participant()
def reverse_payouts(
    *,
    order_id: UUID,
    restaurant_id: UUID,
    runner_id: UUID,
    restaurant_reversed: int,
    restaurant_reversal_id: UUID | None,
    runner_reversed: int,
    runner_reversal_id: UUID | None,
) -> None:
    """Owe to each payee again what came back."""
    legs = (
        ("restaurant", restaurant_id, restaurant_reversed, restaurant_reversal_id),
        ("runner", runner_id, runner_reversed, runner_reversal_id),
    )
    for leg, owner, amount, operation_id in legs:
        if operation_id is not None:
            services.reverse_payout(
                order_id=order_id,
                owner=owner,
                code=f"{leg}_payable",
                amount=amount,
                operation_id=operation_id,
            )


@participant()
def refund(
    *,
    order_id: UUID,
    food_paid: int,
    delivery_paid: int,
    platform_paid: int,
    refunded: int,
    refund_operation_id: UUID,
    refund_failed: bool,
) -> None:
    """Book what went back to the customer, or is to: from what we owe the payees, or else they owe
    it."""
    services.refund(
        order_id=order_id,
        amount=refunded,
        operation_id=refund_operation_id,
        food=food_paid,
        delivery=delivery_paid,
        platform=platform_paid,
    )
    if not refund_failed:
        services.refund_done(order_id=order_id, operation_id=refund_operation_id)


def settled(*, order_id: UUID, total: int, completed: bool) -> int:
    """Completed: the order's total stands in escrow. Compensated: nothing of it does."""
    return services.unsettled(order_id=order_id, total=total, completed=completed)


def paid_on(*, order_id: UUID, total: int, currency: str, completed: bool) -> int | Unkept:
    """Completed: the card, or else the platform, paid the total, and all of it is owed to its
    payees. Compensated: the total still stands in escrow."""
    if not completed:
        return services.unsettled(order_id=order_id, total=total, completed=True)
    if claimed := services.claimed(order_id=order_id):
        return _owed_by_customer(order_id, claimed, currency)
    paid = paid_by_card(order_id=order_id) + services.subsidised(order_id=order_id)
    passed_on = services.settled_after_completion(order_id=order_id, captured=paid)
    return max(total - paid, passed_on)


def claim_settled(*, order_id: UUID, total: int, currency: str, completed: bool) -> int | Unkept:
    """Completed: as `paid_on`. Compensated: the customer owes the total as before."""
    if completed:
        return paid_on(order_id=order_id, total=total, currency=currency, completed=True)
    return total - services.claimed(order_id=order_id)


def _owed_by_customer(order_id: UUID, claimed: int, currency: str) -> Unkept:
    amount = formatted(claimed, currency)
    return Unkept(
        claimed,
        f"The card refused {amount} after the delivery; the customer owes it",
        f"Settle the claim (POST /api/orders/{order_id}/settle, the order's page in the admin, or"
        f" manage.py saga start settle_claim): paid_by=card charges {amount} to the saved card once"
        f" more, paid_by=platform pays restaurant and runner and books {amount} as subsidy. This"
        " run then ends by itself.",
    )


def paid_in_part(
    *,
    order_id: UUID,
    total: int,
    food_due: int,
    delivery_due: int,
    platform_due: int,
    currency: str,
    completed: bool,
) -> int | Unkept:
    """Completed: the card paid what is due, and all of it is owed to its payees. Compensated: the
    total still stands in escrow."""
    if not completed:
        return services.unsettled(order_id=order_id, total=total, completed=True)
    paid = paid_by_card(order_id=order_id)
    due = food_due + delivery_due + platform_due
    passed_on = services.settled_after_completion(order_id=order_id, captured=paid)
    if due and not paid and not passed_on:
        return _refused_in_part(formatted(due, currency), due)
    return max(abs(due - paid), passed_on)


def _refused_in_part(amount: str, due: int) -> Unkept:
    return Unkept(
        due,
        f"The card refused {amount} that were due when the order was called off; nobody is paid",
        "Pay whom it was due otherwise, or nobody; then end this run: manage.py saga terminate ID"
        " --even-so --reason R.",
    )


def given_back(*, order_id: UUID, completed: bool) -> int:
    """Completed: the card has all its money back, or the customer is owed it. Compensated: it has
    paid as before."""
    return paid_by_card(order_id=order_id) if completed else 0
