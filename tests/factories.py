"""People, kitchens and orders for tests: ordinary ones, made through the apps' own doors."""

from uuid import UUID

from campusg.ids import new_id
from orders.models import MenuItem, Order, Restaurant
from orders.services import PlacedOrder, create
from users.models import Role, Transfers, User
from users.services import create_person, save_card, save_payout_account


def a_person(*roles: Role) -> User:
    name = f"person-{new_id()}"
    return create_person(username=name, email=f"{name}@campus.example", password=None, roles=roles)


def a_customer() -> User:
    customer = a_person(Role.CUSTOMER)
    save_card(
        user_id=customer.id,
        stripe_customer_id="cus_test",
        payment_method_id="pm_card_visa",
        brand="visa",
        last4="4242",
        exp_month=12,
        exp_year=2040,
    )
    return customer


def a_restaurant(**other: object) -> Restaurant:
    """Open, and its owner can be paid."""
    owner = a_person(Role.RESTAURANT)
    save_payout_account(
        user_id=owner.id, stripe_account_id=f"acct_{owner.id.hex}", transfers=Transfers.ACTIVE
    )
    fields = {"name": "Noodle House", "currency": "USD"} | other
    return Restaurant.objects.create(owner=owner, **fields)


def a_menu_item(restaurant: Restaurant, price: int = 1250, **other: object) -> MenuItem:
    fields = {"name": "Ramen"} | other
    return MenuItem.objects.create(restaurant=restaurant, price=price, **fields)


def an_order(customer: User | None = None, order_id: UUID | None = None) -> Order:
    """A PENDING order of one dish at 12.50 USD."""
    dish = a_menu_item(a_restaurant())
    order_id = order_id or new_id()
    place(order_id, customer or a_customer(), dish)
    return Order.objects.get(id=order_id)


def place(order_id: UUID, customer: User, dish: MenuItem, quantity: int = 1) -> PlacedOrder:
    return create(
        order_id=order_id,
        customer_id=customer.id,
        restaurant_id=dish.restaurant_id,
        items=[{"menu_item_id": str(dish.id), "quantity": quantity}],
        delivery_location="Dorm 4, room 12",
    )
