"""Why an order is refused."""

from campusg.errors import Conflict, Refused


class UnknownRestaurant(Refused):
    """There is no such restaurant."""

    code = "unknown_restaurant"


class RestaurantClosed(Conflict):
    """The restaurant takes no orders now."""

    code = "restaurant_closed"


class UnknownMenuItem(Refused):
    """The restaurant has no such item on its menu."""

    code = "unknown_menu_item"


class ItemUnavailable(Conflict):
    """The item is sold out."""

    code = "item_unavailable"


class EmptyOrder(Refused):
    """Nothing was ordered, or none of something."""

    code = "empty_order"


class TooManyItems(Refused):
    """More lines, or more of one item, than one order carries."""

    code = "too_many_items"


class TooManyOpenOrders(Conflict):
    """The customer has as many unpaid orders as we allow; many at once look like card testing."""

    code = "too_many_open_orders"


class DifferentOrder(Conflict):
    """An order with this id exists and says something else."""

    code = "different_order"


class OrderMoved(Conflict):
    """The order is no longer in a state from which this can be done."""

    code = "order_moved"


class UnknownPayer(Refused):
    """A claim is settled by the customer's card or by the platform; say which."""

    code = "unknown_payer"


class UnknownOrder(Refused):
    """There is no such order, or it is none of theirs who ask."""

    code = "unknown_order"
    status = 404


class OrderTaken(Conflict):
    """Another runner was first."""

    code = "order_taken"


class OwnOrder(Refused):
    """Nobody delivers what they ordered themselves: the fee would be theirs for nothing."""

    code = "own_order"


class NotADeliveryStep(Refused):
    """A runner says PLACED, ON_THE_WAY and DELIVERED; the rest is not theirs to say."""

    code = "not_a_delivery_step"


class MayNotCancel(Conflict):
    """As the order stands, this is not for them to cancel."""

    code = "may_not_cancel"


class WrongPin(Refused):
    """This is not the customer's hand-over PIN."""

    code = "wrong_pin"


class PinLocked(Conflict):
    """The PIN was guessed too often; an operator has to look into it."""

    code = "pin_locked"


class NotRatable(Conflict):
    """An order is rated when it is over and was delivered."""

    code = "not_ratable"


class AlreadyRated(Conflict):
    """They have rated this order before."""

    code = "already_rated"


class OrderBusy(Conflict):
    """A saga is at work on the order; what it does is not done by hand as well."""

    code = "order_busy"


class RestaurantUnpaid(Conflict):
    """The restaurant can't be paid at Stripe now, so it takes no orders; choose another."""

    code = "restaurant_unpaid"
