"""The customers' phones: each order is posted at its time, and under its key until answered; some
change their minds later."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

from devstack.play.lunch import Meal
from devstack.play.site import PATIENCE, PAUSE, No, Person

PHONES = 8
LOOK = 0.3  # seconds between two looks at an order that may be called off
JOIN = 3.0  # seconds for a thread to end
#: Where an order can stand, as far as it matters to who wants to call it off.
STAGES = ("PENDING", "CREATED", "ACCEPTED", "PLACED", "ON_THE_WAY", "DELIVERED")
EARLY = ("PENDING", "AWAITING_PAYMENT")


@dataclass(frozen=True)
class Placement:
    """What became of one meal at the front door."""

    meal: Meal
    sent: float = 0.0  # seconds since 1970
    seconds: float = 0.0  # from the first try to the answer
    order_ids: tuple[str, ...] = ()  # one for each answer to its key
    refusal: str = ""


@dataclass(frozen=True)
class CalledOff:
    """A customer's wish to call an order off from some stage on, and what the site said to it."""

    stage: str
    said: str  # "yes", or why not


class Phones:
    """A few threads that place the meals of a lunch hour played in `seconds`, and one that calls
    off. `placed` is told of each order as soon as it has an id; nobody orders while there is no
    `room`."""

    def __init__(
        self,
        site: str,
        password: str,
        meals: Iterable[Meal],
        seconds: float,
        placed: Callable[[Meal, str], None] = lambda meal, order_id: None,
        room: Callable[[], bool] = lambda: True,
        patience: float = PATIENCE,
    ) -> None:
        self.placements: list[Placement] = []
        self.called_off: list[CalledOff] = []
        self._site, self._password, self._seconds = site, password, seconds
        self._placed, self._room, self._patience = placed, room, patience
        self._waiting = iter(meals)
        self._minds: list[tuple[Meal, str]] = []
        self._people: dict[str, Person] = {}
        self._orders: dict[str, str] = {}
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._began = time.monotonic()
        self._threads = [
            threading.Thread(target=self._serve, name=f"phone-{number}", daemon=True)
            for number in range(PHONES)
        ]
        self._second_thoughts = threading.Thread(target=self._reconsider, daemon=True)

    def __enter__(self) -> Self:
        for thread in (*self._threads, self._second_thoughts):
            thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self._stop.set()
        for thread in (*self._threads, self._second_thoughts):
            thread.join(JOIN)

    @property
    def done(self) -> bool:
        """Whether every meal has its answer."""
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def hour(self) -> float:
        """How much of the hour has passed, 0 to 1."""
        return min(1.0, (time.monotonic() - self._began) / self._seconds)

    def pin(self, order_id: str) -> str:
        """What the customer at the door says; nothing if they can't be reached."""
        deadline = time.monotonic() + self._patience
        # The runner may be at the door before the phone has its answer.
        while (customer := self._orders.get(order_id)) is None:
            if time.monotonic() > deadline or self._stop.wait(PAUSE):
                return ""
        answer = self._person(customer).ask("GET", f"/api/orders/{order_id}/pin")
        return "" if isinstance(answer, No) else str(answer["pin"])

    def _serve(self) -> None:
        while True:
            with self._turn:
                meal = next(self._waiting, None)
                if meal is None:
                    return
                due = self._began + meal.at * self._seconds
                if self._stop.wait(max(0.0, due - time.monotonic())):
                    return
                while not self._room():
                    if self._stop.wait(PAUSE):
                        return
            self.placements.append(self._place(meal))

    def _place(self, meal: Meal) -> Placement:
        """Order, and tap a second time if this is such a person."""
        person = self._person(meal.customer)
        sent, began, seconds = time.time(), time.monotonic(), 0.0
        ids: list[str] = []
        for _ in range(2 if meal.taps_twice else 1):
            answer = person.ask("POST", "/api/orders", meal.body, meal.key)
            if isinstance(answer, No):
                return Placement(meal, refusal=answer.said)
            seconds = seconds or time.monotonic() - began
            ids.append(answer["order"]["id"])
        self._orders[ids[0]] = meal.customer
        self._placed(meal, ids[0])
        if meal.off_from == STAGES[0]:
            self._call_off(meal, ids[0])
        elif meal.off_from:
            self._minds.append((meal, ids[0]))
        return Placement(meal, sent, seconds, tuple(ids))

    def _reconsider(self) -> None:
        """Look at each order that somebody will want no more, until it has come so far."""
        while not self._stop.wait(LOOK):
            for meal, order_id in [*self._minds]:
                order = self._person(meal.customer).ask("GET", f"/api/orders/{order_id}")
                if isinstance(order, No) or order["status"] in EARLY:
                    continue
                at = order["status"]
                if at not in STAGES:  # It has ended by itself.
                    self._minds.remove((meal, order_id))
                elif STAGES.index(at) >= STAGES.index(meal.off_from):
                    self._minds.remove((meal, order_id))
                    self._call_off(meal, order_id)

    def _call_off(self, meal: Meal, order_id: str) -> None:
        body: dict[str, Any] = {"reason": "I am not hungry any more."}
        path = f"/api/orders/{order_id}/cancel"
        answer = self._person(meal.customer).ask("POST", path, body, f"{meal.key}:off")
        said = f"no ({answer.status})" if isinstance(answer, No) else "yes"
        self.called_off.append(CalledOff(meal.off_from, said))

    def _person(self, username: str) -> Person:
        if username not in self._people:
            self._people[username] = Person(
                self._site, username, self._password, self._stop, self._patience
            )
        return self._people[username]
