"""Why something is not brought to somebody."""

from campusg.errors import Conflict, Refused, Unavailable


class NoAddress(Refused):
    """The person has nothing to be reached at by this channel."""

    code = "no_address"


class NotSent(Unavailable):
    """The post did not take it; it is tried again."""

    code = "not_sent"


class NotDead(Conflict):
    """It has been sent, or is tried again by itself."""

    code = "not_dead"
