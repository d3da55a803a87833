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
