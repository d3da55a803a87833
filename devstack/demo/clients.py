"""The customers' phones: each order is posted at its time, and under its key until answered."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import requests

from devstack.demo.lunch import Meal

PHONES = 8
TIMEOUTS = (3.0, 15.0)  # seconds to connect, to be answered
PATIENCE = 45.0  # seconds after which a phone gives up on an order
PAUSE = 0.3  # seconds between two tries
#: Not now, or your first try is still being answered: the same key again.
TRY_AGAIN = (409, 503)


@dataclass(frozen=True)
class Placement:
    """What became of one meal at the front door."""

    meal: Meal
    sent: float = 0.0  # seconds since 1970
    seconds: float = 0.0  # from the first try to the answer
    order_ids: tuple[str, ...] = ()  # one for each answer to its key
    refusal: str = ""


class Phones:
    """A few threads that place the meals of a lunch hour played in `seconds`."""

    def __init__(self, site: str, password: str, meals: Sequence[Meal], seconds: float) -> None:
        self.placements: list[Placement] = []
        self._site, self._password, self._seconds = site, password, seconds
        self._waiting = iter(meals)
        self._tokens: dict[str, str] = {}
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._began = time.monotonic()
        self._threads = [
            threading.Thread(target=self._serve, name=f"phone-{number}", daemon=True)
            for number in range(PHONES)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(TIMEOUTS[0])

    @property
    def done(self) -> bool:
        """Whether every meal has its answer."""
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def hour(self) -> float:
        """How much of the hour has passed, 0 to 1."""
        return min(1.0, (time.monotonic() - self._began) / self._seconds)

    def _serve(self) -> None:
        with requests.Session() as session:
            while True:
                with self._turn:
                    meal = next(self._waiting, None)
                    if meal is None:
                        return
                    due = self._began + meal.at * self._seconds
                    if self._stop.wait(max(0.0, due - time.monotonic())):
                        return
                self.placements.append(self._place(session, meal))

    def _place(self, session: requests.Session, meal: Meal) -> Placement:
        """Log in, order, and tap a second time if this is such a person."""
        try:
            headers = {"Idempotency-Key": meal.key, **self._login(session, meal.customer)}
            sent, began = time.time(), time.monotonic()
            answers = [self._post(session, "/api/orders", meal.body, headers)]
            seconds = time.monotonic() - began
            if meal.taps_twice:
                answers.append(self._post(session, "/api/orders", meal.body, headers))
        except _NoAnswer as error:
            return Placement(meal, refusal=str(error))
        return Placement(meal, sent, seconds, tuple(answer["order"]["id"] for answer in answers))

    def _login(self, session: requests.Session, customer: str) -> dict[str, str]:
        if customer not in self._tokens:
            card = {"username": customer, "password": self._password}
            self._tokens[customer] = self._post(session, "/api/token", card, {})["access"]
        return {"Authorization": f"Bearer {self._tokens[customer]}"}

    def _post(
        self, session: requests.Session, path: str, body: dict[str, Any], headers: dict[str, str]
    ) -> dict[str, Any]:
        """Post until there is an answer. Raises _NoAnswer when it is no, or does not come."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                reply = session.post(
                    f"{self._site}{path}", json=body, headers=headers, timeout=TIMEOUTS
                )
                if reply.ok:
                    answer: dict[str, Any] = reply.json()
                    return answer
                said, final = f"{reply.status_code} {reply.text[:200]}", reply.status_code
            except requests.RequestException as error:
                said, final = repr(error), 503
            if final not in TRY_AGAIN or time.monotonic() > deadline or self._stop.wait(PAUSE):
                raise _NoAnswer(f"POST {path}: {said}")


class _NoAnswer(Exception):
    """The site said no, or nothing for too long."""
