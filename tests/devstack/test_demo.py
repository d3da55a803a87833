"""The demo: its lunch is repeatable, its phones insist; and it runs, whole."""

import json
import re
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import urlopen

import pytest

from devstack.play.clients import Phones, Placement
from devstack.play.lunch import OFF_FROM, ORDERS_EACH, TOO_FAR, Kitchen, customers_for, lunch_hour
from devstack.play.report import quantile
from tests.devstack.conftest import Run as Start
from tests.devstack.conftest import alive, gone, heard

KITCHENS = [Kitchen("noodles", ("ramen", "tea")), Kitchen("pizza", ("margherita",))]
EATERS = [f"eater-{number}" for number in range(customers_for(200))]
LUNCH = lunch_hour(1, 200, EATERS, KITCHENS)


def test_a_seed_always_gives_the_same_lunch_and_another_seed_another() -> None:
    assert lunch_hour(1, 200, EATERS, KITCHENS) == LUNCH
    assert lunch_hour(2, 200, EATERS, KITCHENS) != LUNCH


def test_a_lunch_is_an_hour_in_order_and_nobody_runs_into_the_limit_on_unpaid_orders() -> None:
    times = [meal.at for meal in LUNCH]
    assert (len(times), times[0], times) == (200, 0.0, sorted(times))
    assert times[-1] < 1
    assert max(Counter(meal.customer for meal in LUNCH).values()) <= ORDERS_EACH
    assert len({meal.key for meal in LUNCH}) == 200
    menus = {kitchen.id: set(kitchen.dishes) for kitchen in KITCHENS}
    for meal in LUNCH:
        dishes = [line["menu_item_id"] for line in meal.body["items"]]
        assert set(dishes) <= menus[meal.kitchen]
        assert len(dishes) == len(set(dishes)) > 0


@pytest.mark.parametrize("orders", [20, 200])
def test_every_fate_befalls_somebody_and_most_eat(orders: int) -> None:
    lunch = lunch_hour(1, orders, EATERS, KITCHENS)
    far = [meal for meal in lunch if meal.place.startswith(TOO_FAR)]
    assert far
    assert {meal.off_from for meal in lunch} == {"", *OFF_FROM}
    assert {meal.broke for meal in lunch if meal.unpaid} == {True, False}
    fated = [meal for meal in lunch if meal in far or meal.off_from or meal.unpaid]
    assert len(fated) < 0.6 * orders


@pytest.mark.parametrize("orders", [1, 2, 7, 12, 200, 1000])
def test_there_are_always_customers_enough(orders: int) -> None:
    eaters = [str(number) for number in range(customers_for(orders))]
    assert len(lunch_hour(3, orders, eaters, KITCHENS)) == orders


class Moody(ThreadingHTTPServer):
    """A site that answers each order's key only at the third try, and notes what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MoodyRequest)
        self.keys: list[str] = []
        self.bodies: set[str] = set()
        self.moods: Iterator[str] = iter(())


class MoodyRequest(BaseHTTPRequestHandler):
    server: Moody

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/api/token":
            return self.answer(200, {"access": "token"})
        self.server.keys.append(self.headers["Idempotency-Key"])
        self.server.bodies.add(body)
        match next(self.server.moods, "placed"):
            case "hang up":
                return self.connection.close()
            case "busy":
                return self.answer(503, {})
            case "no":
                return self.answer(422, {"code": "restaurant_closed"})
        return self.answer(202, {"order": {"id": "order-1"}})

    def answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Moody]:
    with Moody() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def order_one(site: Moody, **change: Any) -> Placement:
    """One phone's meal, placed at that site."""
    meal = replace(LUNCH[0], **change)
    with Phones(f"http://127.0.0.1:{site.server_port}", "secret", [meal], 1.0) as phones:
        while not phones.done:
            pass
    (placement,) = phones.placements
    return placement


def test_a_phone_without_an_answer_asks_again_under_the_same_key(site: Moody) -> None:
    site.moods = iter(["hang up", "busy", "placed"])
    placement = order_one(site, taps_twice=False)
    assert (placement.order_ids, placement.refusal) == (("order-1",), "")
    assert site.keys == [LUNCH[0].key] * 3
    assert [json.loads(body) for body in site.bodies] == [LUNCH[0].body]


def test_an_impatient_customer_taps_twice_under_one_key(site: Moody) -> None:
    assert order_one(site, taps_twice=True).order_ids == ("order-1", "order-1")
    assert site.keys == [LUNCH[0].key] * 2


def test_a_no_is_an_answer(site: Moody) -> None:
    site.moods = iter(["no"])
    placement = order_one(site)
    assert (len(site.keys), placement.order_ids) == (1, ())
    assert "restaurant_closed" in placement.refusal


def test_a_quantile_is_one_of_the_values() -> None:
    hundred = range(1, 101)
    assert [quantile(hundred, part) for part in (0.5, 0.95)] == [50, 95]
    assert [quantile([7.0], part) for part in (0.5, 0.95)] == [7, 7]
    assert quantile([], 0.5) == 0


@pytest.mark.story
def test_a_small_lunch_is_proven_and_stays_up_until_ctrl_c(folder: Path, run: Start) -> None:
    arguments = ("-m", "devstack.demo", "--orders", 12, "--state-dir", folder)
    # Nobody waits for a runner as long as in the play that people look at.
    quick = {"FORCE_COLOR": "1", "ORDER_TIMEOUT_SECONDS": "5"}
    demo = run(*arguments, "--keep", env=quick)
    said = heard(demo, "demo: ")
    assert said.endswith("\ndemo: OK\n"), said
    assert ("\x1b" in said, said.count("✗"), said.count("✓")) == (False, 0, 17)
    assert "kill -9 of all 2 workers" in said
    assert "account may be paid again" in said
    assert "no runner in time" in said
    with urlopen(re.search(r"admin +(\S+)", said)[1]) as page:
        assert b"Log in" in page.read()

    second = run(*arguments)
    assert (second.wait(60), second.stdout.read()) == (2, "")
    assert "End it with Ctrl-C in its terminal" in second.stderr.read()

    pids = alive(folder)
    demo.send_signal(signal.SIGINT)
    assert (demo.wait(60), demo.stderr.read()) == (0, "")
    assert pids
    assert gone(*pids)
