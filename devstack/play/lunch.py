"""A generated lunch hour: who orders what, where and when. The same seed gives the same lunch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from uuid import UUID

#: So that nobody runs into the limit on unpaid orders, however long Stripe takes.
ORDERS_EACH = 3
PLACES = ("Dorm 4, room", "Library, desk", "Physics, lab", "Gym, locker", "Main lawn, bench")
#: No runner goes there: an order to it times out.
TOO_FAR = "Observatory, dome"
#: How many of all orders: to where nobody goes, called off, declined when they are paid for.
FAR_SHARE, OFF_SHARE, UNPAID_SHARE = 0.06, 0.18, 0.015
#: From which status on a customer wants the order no more. The last is too late: the site says no.
OFF_FROM = ("PENDING", "CREATED", "ACCEPTED", "PLACED", "ON_THE_WAY")


@dataclass(frozen=True)
class Kitchen:
    """A restaurant and the ids of what it sells."""

    id: str
    dishes: tuple[str, ...]


@dataclass(frozen=True)
class Meal:
    """One order somebody will place: at which part of the hour, 0 to 1, and under which key."""

    at: float
    customer: str
    kitchen: str
    items: tuple[tuple[str, int], ...]
    place: str
    key: str
    taps_twice: bool
    off_from: str = ""  # the status from which on the customer wants it no more
    unpaid: bool = False  # the bank won't give what it promised when the money is taken
    broke: bool = False  # and the card says no as well when it is charged anew

    @property
    def body(self) -> dict[str, Any]:
        """What is posted."""
        return {
            "restaurant_id": self.kitchen,
            "items": [{"menu_item_id": dish, "quantity": count} for dish, count in self.items],
            "delivery_location": self.place,
        }


def customers_for(orders: int) -> int:
    """How many customers such a lunch needs; a few to spare, or all would order equally often,
    and ten at least, of whom one has a card that declines."""
    return max(10, -(-orders * 6 // (5 * ORDERS_EACH)))


def lunch_hour(
    seed: int, orders: int, customers: Sequence[str], kitchens: Sequence[Kitchen]
) -> list[Meal]:
    """`orders` meals in the order of their times, the first at 0; most come before half past.

    Raises ValueError when there are too few customers for that many.
    """
    random = Random(seed)
    hungry = random.sample([*customers] * ORDERS_EACH, orders)
    times = sorted(random.betavariate(2, 3) for _ in hungry)
    # Some kitchens are loved and some are near.
    loved = [random.uniform(1, 4) for _ in kitchens]
    meals = [
        _meal(random, at - times[0], customer, random.choices(kitchens, loved)[0])
        for at, customer in zip(times, hungry, strict=True)
    ]
    return _with_fates(random, meals)


def one_after_another(
    seed: int, customers: Sequence[str], kitchens: Sequence[Kitchen]
) -> Iterator[Meal]:
    """Lunch hours without end, each order due at once; the cards are the sandbox's to refuse."""
    seeds = Random(seed)
    most = len(customers) * ORDERS_EACH
    while True:
        for meal in lunch_hour(seeds.getrandbits(32), most, customers, kitchens):
            yield replace(meal, at=0.0, unpaid=False, broke=False)


def _with_fates(random: Random, meals: list[Meal]) -> list[Meal]:
    """The same meals, of which some end otherwise than eaten and paid for; each fate has one."""
    far: list[dict[str, Any]] = [{"place": f"{TOO_FAR} 1"}]
    unpaid: list[dict[str, Any]] = [{"unpaid": True}, {"unpaid": True, "broke": True}]
    off: list[dict[str, Any]] = [{"off_from": stage} for stage in OFF_FROM]
    wanted = []
    for fates, share in ((far, FAR_SHARE), (unpaid, UNPAID_SHARE), (off, OFF_SHARE)):
        count = round(share * len(meals))
        wanted += [fates[n % len(fates)] for n in range(count)] + fates[count:]
    changed = random.sample(range(len(meals)), min(len(wanted), len(meals)))
    for index, fate in zip(changed, wanted, strict=False):
        meals[index] = replace(meals[index], **fate)
    return meals


def _meal(random: Random, at: float, customer: str, kitchen: Kitchen) -> Meal:
    dishes = random.sample(kitchen.dishes, random.randint(1, min(3, len(kitchen.dishes))))
    return Meal(
        at=at,
        customer=customer,
        kitchen=kitchen.id,
        items=tuple((dish, random.choice((1, 1, 1, 2, 2, 3))) for dish in dishes),
        place=f"{random.choice(PLACES)} {random.randint(1, 40)}",
        key=str(UUID(int=random.getrandbits(128), version=4)),
        taps_twice=random.random() < 0.1,
    )
