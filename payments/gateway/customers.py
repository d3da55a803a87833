"""Customers and their cards at Stripe."""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import stripe
from django.conf import settings

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


def register_customer(email: str, payment_method: str, customer: str = "") -> Registered:
    """Attach a card to a Customer, to a new one unless one is named. No money moves, so no
    operation is written; a customer whose card was never attached stays behind at Stripe and harms
    nobody.

    Raises PaymentDeclined when the card can't be attached, StripeUnavailable when in doubt.
    https://docs.stripe.com/api/payment_methods/attach
    """
    with _told(f"{email} could not be registered"):
        owner = customer or client().v1.customers.create({"email": email}).id
        method = client().v1.payment_methods.attach(payment_method, {"customer": owner})
    return _registered(owner, method)


def begin_setup(email: str, user_id: str, customer: str = "") -> str:
    """Begin to save a card whose owner may have to confirm that: the client secret with which
    their browser does it. It is told to them and kept nowhere.

    Raises StripeUnavailable. https://docs.stripe.com/payments/save-and-reuse
    """
    with _told(f"{email} could not begin to save a card"):
        owner = customer or client().v1.customers.create({"email": email}).id
        made = client().v1.setup_intents.create(
            {
                "customer": owner,
                "allowed_payment_method_types": ["card"],
                "metadata": {"user_id": user_id, "env": settings.CAMPUSG_ENV},
            }
        )
    assert made.client_secret is not None, "Stripe gives one with each that is made"
    return made.client_secret


def finish_setup(setup_intent: str, user_id: str) -> Registered:
    """The card that was saved by a SetupIntent which this user began and confirmed.

    Raises PaymentDeclined for anybody else's or one that is not confirmed, StripeUnavailable when
    in doubt. https://docs.stripe.com/api/setup_intents/retrieve
    """
    with _told("the card could not be read"):
        made = client().v1.setup_intents.retrieve(setup_intent, {"expand": ["payment_method"]})
    theirs = {"user_id": user_id, "env": settings.CAMPUSG_ENV}
    metadata = made.metadata.to_dict() if made.metadata else {}
    if metadata != theirs or made.status != "succeeded":
        raise PaymentDeclined("There is no such card, or it is not confirmed yet.")
    assert isinstance(made.payment_method, stripe.PaymentMethod), "it was expanded"
    return _registered(str(made.customer), made.payment_method)


def forget_card(payment_method: str) -> None:
    """Detach a card, so that nothing can be charged to it any more; one that is gone stays so.

    Raises StripeUnavailable. https://docs.stripe.com/api/payment_methods/detach
    """
    with contextlib.suppress(PaymentDeclined), _told("the card could not be forgotten"):
        client().v1.payment_methods.detach(payment_method)


@contextlib.contextmanager
def _told(trouble: str) -> Iterator[None]:
    """Stripe's errors about cards as ours."""
    refuse_in_transaction()
    try:
        yield
    except stripe.CardError as error:
        raise PaymentDeclined(error.user_message or str(error)) from error
    except stripe.InvalidRequestError as error:
        raise PaymentDeclined("There is no such card, or it is somebody else's.") from error
    except stripe.StripeError as error:
        raise StripeUnavailable(f"{trouble}: {error}") from error


def _registered(customer: str, method: stripe.PaymentMethod) -> Registered:
    card = method.card
    assert card is not None, "only cards are attached here"
    return Registered(
        customer, method.id, card.brand, card.last4 or "", card.exp_month, card.exp_year
    )
