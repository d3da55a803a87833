"""The runners: they race for open orders, some back out, the rest deliver and are told the PIN."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Self
from uuid import UUID

from devstack.play.lunch import TOO_FAR
from devstack.play.site import PATIENCE, No, Person

BACK_OUT = 0.12  # part of all deliveries that are given back
WALK = (0.3, 0.9)  # seconds from one status to the next
IDLE = (0.3, 0.7)  # seconds between two looks at the list
TEMPTING = 3  # so many of the oldest orders are what everybody wants
JOIN = 3.0  # seconds for a thread to end
STATUSES = ("PLACED", "ON_THE_WAY", "DELIVERED")


@dataclass(frozen=True)
class Tap:
    """One runner's try to take one order, and what the site said: 200, 409 …"""

    order_id: str
    runner: str
    status: int


class Runners:
    """A thread each, from the first order to the last."""

    def __init__(
        self,
        site: str,
        password: str,
        usernames: Sequence[str],
        seed: int,
        pin: Callable[[str], str],
        patience: float = PATIENCE,
    ) -> None:
        self.taps: list[Tap] = []
        self.backed_out: list[str] = []
        self.delivered: list[str] = []
        self.troubles: list[str] = []
        self._pin = pin
        self._stop = threading.Event()
        self._people = [
            Person(site, username, password, self._stop, patience) for username in usernames
        ]
        self._threads = [
            threading.Thread(target=self._work, args=(person, Random(f"{seed}:{number}")))
            for number, person in enumerate(self._people)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.daemon = True
            thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(JOIN)

    @property
    def tally(self) -> Counter[str]:
        """Taps that won and that lost, deliveries that were given back and handed over."""
        won = sum(tap.status == 200 for tap in self.taps)
        return Counter(
            won=won,
            lost=len(self.taps) - won,
            backed_out=len(self.backed_out),
            delivered=len(self.delivered),
        )

    def _work(self, person: Person, random: Random) -> None:
        while not self._stop.wait(random.uniform(*IDLE)):
            found = person.ask("GET", "/api/orders/available?page_size=100")
            if isinstance(found, No):
                continue
            # The list is newest first. Where nobody goes can be seen from the address.
            near = [order for order in found["results"] if not _too_far(order)]
            for order in near[-TEMPTING:][:: random.choice((1, -1))]:
                if self._take(person, random, order["id"]):
                    self._deliver(person, random, order["id"])
                    break

    def _take(self, person: Person, random: Random, order_id: str) -> bool:
        answer = person.ask("POST", f"/api/orders/{order_id}/accept", {}, _key(random))
        status = answer.status if isinstance(answer, No) else 200
        self.taps.append(Tap(order_id, person.username, status))
        return status == 200

    def _deliver(self, person: Person, random: Random, order_id: str) -> None:
        """Walk, unless somebody calls the order off on the way."""
        url = f"/api/orders/{order_id}"
        if random.random() < BACK_OUT:
            self._stop.wait(random.uniform(*WALK))
            answer = person.ask("POST", f"{url}/release", {}, _key(random))
            if not isinstance(answer, No):
                self.backed_out.append(order_id)
            return self._note(answer)
        for status in STATUSES:
            self._stop.wait(random.uniform(*WALK))
            answer = person.ask("PUT", f"{url}/status", {"status": status})
            if isinstance(answer, No):
                return self._note(answer)
        handed = person.ask("POST", f"{url}/complete", {"pin": self._pin(order_id)}, _key(random))
        if not isinstance(handed, No):
            self.delivered.append(order_id)
        return self._note(handed)

    def _note(self, answer: dict[str, Any] | No) -> None:
        """What nobody should hear: an order that is called off is 404 or 409, no more."""
        if isinstance(answer, No) and answer.status not in (404, 409) and not self._stop.is_set():
            self.troubles.append(answer.said)


def _too_far(order: dict[str, Any]) -> bool:
    return bool(order["delivery_location"].startswith(TOO_FAR))


def _key(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))
