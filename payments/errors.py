"""What can be wrong with a payment. An unknown outcome is no error and is not among these."""

from campusg.errors import Refused, Unavailable


class PaymentDeclined(Refused):
    """The card's bank said no; the message is the one Stripe meant for the customer."""

    code = "payment_declined"
    status = 402


class PaymentUnanswered(Refused):
    """Stripe has not told us for so long that the order can't wait; the operation stays watched."""

    code = "payment_unanswered"
    status = 503


class OperatorNeeded(Refused):
    """Stripe answered something this code has no rule for: a person has to look."""

    code = "operator_needed"
    status = 500


class StripeUnavailable(Unavailable):
    """Stripe did not do it, or did not say so; nothing of it can cost anyone money."""

    code = "stripe_unavailable"
