"""What can be wrong with a payment. An unknown outcome is no error and is not among these."""

from campusg.errors import Conflict, Refused, Unavailable


class PaymentDeclined(Refused):
    """The card's bank said no; the message is the one Stripe meant for the customer."""

    code = "payment_declined"
    status = 402


class PaymentNotConfirmed(Refused):
    """The card's bank wanted its owner to confirm the payment, and they did not in time."""

    code = "payment_not_confirmed"
    status = 402


class PaymentUnanswered(Refused):
    """Stripe has not told us for so long that the order can't wait; the operation stays watched."""

    code = "payment_unanswered"
    status = 503


class PaymentBusy(Conflict):
    """Another call about this order's money is under way; ask again when it has been answered."""

    code = "payment_busy"


class NothingHeld(Conflict):
    """Nothing is held for this order that could be taken or given back."""

    code = "nothing_held"


class NothingToRefund(Conflict):
    """Nothing was taken for this order, or it was given back already."""

    code = "nothing_to_refund"


class PayoutOff(Conflict):
    """What this order's customer paid is not paid on: it goes back, or is lost."""

    code = "payout_off"


class NothingToRepay(Conflict):
    """No refund of this order has failed, or it was paid otherwise already."""

    code = "nothing_to_repay"


class NothingToDecide(Conflict):
    """No dispute of this order is lost that leaves somebody unpaid, or it was decided already."""

    code = "nothing_to_decide"


class PaymentDisputed(Conflict):
    """The card's holder disputes the charge: the bank decides, and nothing is refunded beside."""

    code = "payment_disputed"


class NotOurs(Refused):
    """Stripe told of something that nothing in our books goes by."""

    code = "not_ours"


class OperatorNeeded(Refused):
    """Stripe answered something this code has no rule for: a person has to look."""

    code = "operator_needed"
    status = 500


class StripeUnavailable(Unavailable):
    """Stripe did not do it, or did not say so; nothing of it can cost anyone money. `retry_after`:
    in how many seconds to ask again."""

    code = "stripe_unavailable"

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after
