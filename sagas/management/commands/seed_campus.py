"""`manage.py seed_campus`: people, cards and kitchens to play with; often, but never twice."""

import json
import secrets
from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError, CommandParser

from campusg.errors import CampusGError
from campusg.ids import new_id
from escrow.services import freeze
from orders.services import Dish, OrderLine, open_restaurant
from payments.gateway import register_customer, register_payee
from sagas.create_order import create_order
from sagas.engine.starting import start
from users.errors import NoSavedCard
from users.services import (
    Role,
    Transfers,
    create_person,
    get_customer,
    payout_account_of,
    save_card,
    save_payout_account,
)

CURRENCY = "USD"
#: https://docs.stripe.com/testing#cards; the second attaches, and every charge of it is declined.
CARDS = {"good": "pm_card_visa", "declines": "pm_card_chargeCustomerFail"}
KITCHENS = {
    "Noodle House": (Dish("Ramen", 1250), Dish("Udon", 1090), Dish("Gyoza", 650)),
    "The Quad Grill": (Dish("Burger", 1140), Dish("Fries", 390), Dish("Lemonade", 320)),
    "Curry Corner": (Dish("Dal", 890), Dish("Chana masala", 990), Dish("Naan", 290)),
    "Library Bagels": (Dish("Lox bagel", 980), Dish("Everything bagel", 340), Dish("Coffee", 310)),
    "Taqueria Norte": (Dish("Burrito", 1050), Dish("Tacos", 870), Dish("Horchata", 350)),
    "Green Bowl": (Dish("Falafel bowl", 1120), Dish("Lentil soup", 690), Dish("Kombucha", 450)),
    "Pizza Lab": (Dish("Margherita", 1190), Dish("Marinara", 990), Dish("Tiramisu", 560)),
    "Dumpling Dorm": (Dish("Jiaozi", 940), Dish("Baozi", 480), Dish("Jasmine tea", 260)),
}
PLACES = ("Dorm 4, room 12", "Library, 2nd floor", "Lab B, reception", "Sports hall, gate 1")


class Command(BaseCommand):
    help = (
        "Fill an empty campus: staff, customers with cards, restaurants and runners with accounts."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--customers", type=int, default=20)
        parser.add_argument("--restaurants", type=int, default=6)
        parser.add_argument("--runners", type=int, default=4)
        parser.add_argument("--orders", type=int, default=0, help="place so many orders at once")
        parser.add_argument(
            "--declined-share", type=float, default=0.1, help="of customers whose card declines"
        )
        parser.add_argument("--frozen", type=int, default=0, help="so many restaurants are frozen")
        parser.add_argument("--password", help="for everybody; without it a random one is made")
        parser.add_argument("--json", type=Path, metavar="PATH", help="write all of it there too")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.CAMPUSG_ENV == "production":
            raise CommandError("This is production: no pretend people here.", returncode=2)
        campus = Campus(options["password"])
        try:
            seeded = {
                **campus.staff(),
                "customers": campus.customers(options["customers"], options["declined_share"]),
                "runners": campus.runners(options["runners"]),
                "restaurants": campus.restaurants(options["restaurants"], options["frozen"]),
            }
            seeded["orders"] = list(islice(_orders(seeded), options["orders"]))
        except CampusGError as error:
            raise CommandError(str(error), returncode=2) from error
        if options["json"]:
            options["json"].write_text(json.dumps(seeded, indent=2, default=str) + "\n")
        self.stdout.write(_told(seeded, campus.password if campus.newcomers else None))


class Campus:
    """Whoever is already there stays as they are, unless a password is given for all."""

    def __init__(self, password: str | None) -> None:
        self.password = password or secrets.token_urlsafe(12)
        self.for_all = password is not None
        self.newcomers = 0
        # One slow hash for everybody: what is seeded protects nothing of anybody's.
        self._hashed = make_password(self.password)

    def person(self, username: str, *roles: Role, **flags: bool) -> dict[str, Any]:
        """The account of that name, made if need be; password None when it keeps its old one."""
        found = get_user_model().objects.filter(username=username).first()
        user = found or create_person(
            username=username, email=f"{username}@campus.example", password=None, roles=roles
        )
        known = found is None or self.for_all
        if known:
            self.newcomers += 1
            user.password = self._hashed
            for flag, value in flags.items():
                setattr(user, flag, value)
            user.save()
        return {"id": user.pk, "username": username, "password": self.password if known else None}

    def people(self, name: str, role: Role, count: int) -> list[dict[str, Any]]:
        return [self.person(f"{name}-{number:03}", role) for number in range(1, count + 1)]

    def staff(self) -> dict[str, Any]:
        """A superuser, a member of the group `ops`, and a service."""
        admin = self.person("admin", Role.OPS, is_staff=True, is_superuser=True)
        ops = self.person("ops", Role.OPS, is_staff=True)
        Group.objects.get(name="ops").user_set.add(ops["id"])
        return {"admin": admin, "ops": ops, "service": self.person("service", Role.SERVICE)}

    def customers(self, count: int, declined_share: float) -> list[dict[str, Any]]:
        """Each with a card at Stripe; those that decline are spread evenly."""
        people = self.people("customer", Role.CUSTOMER, count)
        for number, person in enumerate(people):
            declines = int((number + 1) * declined_share) > int(number * declined_share)
            person["card"] = "declines" if declines else "good"
            _ensure_card(person)
        return people

    def runners(self, count: int) -> list[dict[str, Any]]:
        """Each with a connected account to be paid to."""
        return [_payee(person) for person in self.people("runner", Role.RUNNER, count)]

    def restaurants(self, count: int, frozen: int) -> list[dict[str, Any]]:
        """Each with an owner and a menu; the last `frozen` of them are promised no money."""
        owners = [_payee(person) for person in self.people("owner", Role.RESTAURANT, count)]
        kitchens = [
            _kitchen(owner, name, menu)
            for owner, (name, menu) in zip(owners, _menus(), strict=False)
        ]
        for kitchen in kitchens[count - frozen :]:
            kitchen["frozen"] = True
            freeze(owner=kitchen["id"], currency=CURRENCY, reason="Seeded as frozen.")
        return kitchens


def _ensure_card(person: dict[str, Any]) -> None:
    """Ask Stripe only if there is no card yet: an earlier seeding may have been cut short."""
    try:
        get_customer(customer_id=person["id"])
    except NoSavedCard:
        card = register_customer(f"{person['username']}@campus.example", CARDS[person["card"]])
        save_card(
            user_id=person["id"],
            stripe_customer_id=card.customer_id,
            payment_method_id=card.payment_method_id,
            brand=card.brand,
            last4=card.last4,
            exp_month=card.exp_month,
            exp_year=card.exp_year,
        )


def _payee(person: dict[str, Any]) -> dict[str, Any]:
    """The same person with the account they are paid to, made at Stripe if there is none yet."""
    account = payout_account_of(user_id=person["id"])
    if account is None:
        account_id, transfers = register_payee(f"{person['username']}@campus.example")
        account = save_payout_account(
            user_id=person["id"], stripe_account_id=account_id, transfers=Transfers(transfers)
        )
    return person | {"account": account.stripe_account_id}


def _kitchen(owner: dict[str, Any], name: str, menu: Iterable[Dish]) -> dict[str, Any]:
    stands = get_user_model().objects.get(pk=owner["id"]).restaurants.first()
    restaurant = stands or open_restaurant(
        owner_id=owner["id"], name=name, currency=CURRENCY, menu=menu
    )
    items = restaurant.menu.order_by("id").values("id", "name", "price")
    return {"id": restaurant.pk, "name": restaurant.name, "owner": owner, "frozen": False,
            "currency": restaurant.currency, "menu": list(items)}  # fmt: skip


def _menus() -> Iterator[tuple[str, tuple[Dish, ...]]]:
    """Every kitchen once, then as many branches of them as it takes."""
    yield from KITCHENS.items()
    for number, (name, menu) in enumerate(cycle(KITCHENS.items()), len(KITCHENS)):
        yield f"{name} {number // len(KITCHENS) + 1}", menu


def _orders(seeded: dict[str, Any]) -> Iterator[str]:
    """One order after another, each customer's in turn; the workers do the rest."""
    kitchens, places = cycle(seeded["restaurants"]), cycle(PLACES)
    for customer in cycle(seeded["customers"]):
        kitchen, order_id = next(kitchens), new_id()
        line: OrderLine = {"menu_item_id": str(kitchen["menu"][0]["id"]), "quantity": 1}
        start(
            create_order,
            str(order_id),
            order_id=order_id,
            customer_id=customer["id"],
            restaurant_id=kitchen["id"],
            items=[line],
            delivery_location=next(places),
        )
        yield str(order_id)


def _told(seeded: dict[str, Any], password: str | None) -> str:
    declining = sum(person["card"] == "declines" for person in seeded["customers"])
    frozen = sum(kitchen["frozen"] for kitchen in seeded["restaurants"])
    counts = (
        f"customers {len(seeded['customers'])} ({declining} with a card that declines)",
        f"restaurants {len(seeded['restaurants'])} ({frozen} frozen)",
        f"runners {len(seeded['runners'])}",
    )
    logins = [seeded[name]["username"] for name in ("admin", "ops", "service")]
    logins += [
        f"{people[0]['username']} … {people[-1]['username']}"
        for people in (seeded["customers"], seeded["runners"],
                       [kitchen["owner"] for kitchen in seeded["restaurants"]])
        if people
    ]  # fmt: skip
    secret = password or "as told when they were made (--password gives all a new one)"
    return "\n".join(
        [
            f"  campus     {', '.join(counts)}",
            f"  logins     {', '.join(logins)}",
            f"  password   {secret}",
        ]
    )
