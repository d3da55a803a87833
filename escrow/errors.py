"""Why escrow refuses a hold."""

from campusg.errors import Conflict


class RestaurantFrozen(Conflict):
    """The restaurant's account is frozen: no new money may be promised to it."""

    code = "restaurant_frozen"


class EscrowCapReached(Conflict):
    """The campus holds as much in escrow as it may."""

    code = "escrow_cap_reached"


class AlreadyHeld(Conflict):
    """The order has a hold that says something else, or that is over."""

    code = "already_held"


class NoHold(Conflict):
    """The order's money is not, or no longer, where this could be done with it."""

    code = "no_hold"


class MoreThanCaptured(Conflict):
    """More is asked back than the customer has paid and not got back yet."""

    code = "more_than_captured"
