"""Why somebody cannot order, deliver, or be paid."""

from campusg.errors import Conflict, Refused


class NotACustomer(Refused):
    """The account doesn't exist, is switched off, or may not order."""

    code = "not_a_customer"


class NoSavedCard(Refused):
    """The customer has no card to pay with."""

    code = "no_saved_card"


class NotARunner(Refused):
    """The account doesn't exist, is switched off, or may not deliver."""

    code = "not_a_runner"


class CannotBePaid(Conflict):
    """There is no account at Stripe to which money may be sent now."""

    code = "cannot_be_paid"


class AccountGone(CannotBePaid):
    """The account at Stripe has left us or was closed; money is never sent there again."""

    code = "account_gone"
