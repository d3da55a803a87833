"""Why somebody cannot order."""

from campusg.errors import Refused


class NotACustomer(Refused):
    """The account doesn't exist, is switched off, or may not order."""

    code = "not_a_customer"


class NoSavedCard(Refused):
    """The customer has no card to pay with."""

    code = "no_saved_card"
