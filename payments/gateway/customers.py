"""Customers and their cards at Stripe."""

from typing import NamedTuple

import stripe

from payments.errors import PaymentDeclined, StripeUnavailable
from payments.gateway.answers import client, refuse_in_transaction


class Registered(NamedTuple):
    """A new Customer and the card attached to it, as Stripe names and describes them."""

    customer_id: str
    payment_method_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


def register_customer(email: str, payment_method: str) -> Registered:
    """Create a Customer and attach a card to it. No money moves, so no operation is written; a
    customer whose card was never attached stays behind at Stripe and harms nobody.

    Raises PaymentDeclined when the card can't be attached, StripeUnavailable when in doubt.
    https://docs.stripe.com/api/payment_methods/attach
    """
    refuse_in_transaction()
    try:
        customer = client().v1.customers.create({"email": email})
        method = client().v1.payment_methods.attach(payment_method, {"customer": customer.id})
    except stripe.CardError as error:
        raise PaymentDeclined(error.user_message or str(error)) from error
    except stripe.InvalidRequestError as error:
        raise PaymentDeclined("There is no such card, or it is somebody else's.") from error
    except stripe.StripeError as error:
        raise StripeUnavailable(f"{email} could not be registered: {error}") from error
    card = method.card
    assert card is not None, "only cards are attached here"
    return Registered(
        customer.id, method.id, card.brand, card.last4 or "", card.exp_month, card.exp_year
    )
