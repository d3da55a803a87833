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
