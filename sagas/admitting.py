"""Whether a new order can be taken at all: not while Stripe does not answer."""

from math import ceil

from payments.errors import StripeUnavailable
from payments.services import seconds_without_stripe


def refuse_without_stripe() -> None:
    """Raise StripeUnavailable, with when to come back, while nobody can pay. What is owed already
    goes on: deliveries need no Stripe, and captures and voids wait in their operations."""
    seconds = seconds_without_stripe()
    if seconds:
        raise StripeUnavailable(
            "Nobody can pay just now; order again in a moment.", retry_after=ceil(seconds)
        )
