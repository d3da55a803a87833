"""Payments as steps: hold the money on the card, and let it go."""

from uuid import UUID

from campusg.errors import Refused
from payments import services
from payments.errors import OperatorNeeded, PaymentDeclined, PaymentUnanswered
from payments.operations import Call
from payments.services import Authorized
from sagas.engine import Retry, Unknown, remote_participant


@remote_participant(gives=Authorized, refuses=(PaymentDeclined, PaymentUnanswered, OperatorNeeded))
def authorize(
    *,
    order_id: UUID,
    customer_id: UUID,
    total: int,
    currency: str,
    stripe_customer: str,
    payment_method: str,
) -> Call | Authorized | Refused | Unknown:
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
authorize.record(services.record_authorization)


@remote_participant(retry=Retry(tries=12))
def release(*, order_id: UUID) -> Call | Refused | None:
    """Give back whatever is held for the order, known to us or not."""
    return services.prepare_release(order_id=order_id)


release.call(services.perform)
release.record(services.record_release)
