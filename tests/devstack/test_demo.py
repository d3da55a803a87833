"""The demo: its lunch is repeatable, its phones insist, its proof can fail; and it runs, whole."""

import json
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import urlopen

import pytest

from devstack.demo.clients import Phones, Placement
from devstack.demo.evidence import Booked, Evidence, Open, Order, Run
from devstack.demo.lunch import OFF_FROM, ORDERS_EACH, TOO_FAR, Kitchen, customers_for, lunch_hour
from devstack.demo.proof import checks
from devstack.demo.report import quantile
from devstack.demo.runners import Tap
from devstack.demo.sandbox import AtStripe
from devstack.state import State
from tests.devstack.conftest import Run as Start
from tests.devstack.conftest import gone

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


@pytest.mark.parametrize("orders", [12, 200])
def test_every_fate_befalls_somebody_and_most_eat(orders: int) -> None:
    lunch = lunch_hour(1, orders, EATERS, KITCHENS)
    far = [meal for meal in lunch if meal.place.startswith(TOO_FAR)]
    assert far
    assert {meal.off_from for meal in lunch} == {"", *OFF_FROM}
    assert any(meal.unpaid for meal in lunch)
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


EATEN = Order("order-1", "COMPLETED", "USD", 800, 399, 51, accepted=2)
DECLINED = Order("order-2", "CANCELLED", "USD", 500, 399, 91)
SILENT = Order("order-3", "CANCELLED", "USD", 100, 300, 100)
LATE = Order("order-4", "CANCELLED", "USD", 1000, 400, 100, accepted=1)
UNPAID = Order("order-5", "COMPLETED_UNPAID", "USD", 600, 399, 1, accepted=1)
ORDERS = [EATEN, DECLINED, SILENT, LATE, UNPAID]
REFUSED = Placement(LUNCH[3], refusal="POST /api/orders: 503")
LOST = Placement(LUNCH[3], order_ids=("order-9",))
TWO_FOR_ONE = Placement(LUNCH[0], order_ids=("order-1", "order-9"))
WATCHED = Open("campusg:demo:order-3:authorize:1", "order-3", watched=True)
TAPS = [
    Tap("order-1", "ann", 200), Tap("order-1", "bob", 409), Tap("order-1", "bob", 200),
    Tap("order-4", "ann", 200), Tap("order-5", "ann", 200),
]  # fmt: skip
RUNS = [
    Run("run-1", "create_order", "order-1", "COMPLETED"),
    Run("run-2", "create_order", "order-2", "COMPENSATED"),
    Run("run-3", "create_order", "order-3", "COMPENSATED"),
    Run("run-4", "create_order", "order-4", "COMPLETED"),
    Run("run-5", "create_order", "order-5", "COMPLETED"),
    Run("run-6", "complete_order", "order-1", "COMPLETED"),
    Run("run-7", "cancel_order", "order-4", "COMPLETED"),
    Run("run-8", "complete_order", "order-5", "PARKED"),
    Run("run-9", "cancel_order", "order-1", "COMPENSATED"),
    Run("run-10", "pay_out", "order-1:restaurant", "COMPLETED"),
    Run("run-11", "pay_out", "order-1:runner", "WAITING", "payout_account.updated"),
]
STRIPE = [
    AtStripe("order-1", "usd", captured=1250, transferred=800),
    AtStripe("order-2", "usd"),
    AtStripe("order-4", "usd", captured=1300, transferred=1200),
    AtStripe("order-5", "usd", held=1000),
]
BOOKED = [
    Booked("order-1", 800, 399, 51, paid_restaurant=800),
    Booked("order-4", 1000, 200, 100, paid_restaurant=1000, paid_runner=200),
    Booked("order-5", 600, 399, 1, claimed=1000),
]
SOUND = Evidence(
    asked=5,
    placements=[
        Placement(LUNCH[0], order_ids=("order-1", "order-1")),
        *(Placement(LUNCH[n], order_ids=(f"order-{n}",)) for n in range(2, 6)),
    ],
    taps=TAPS,
    backed_out=["order-1"],
    orders=ORDERS,
    runs=RUNS,
    stripe=STRIPE,
    booked=BOOKED,
    balance={"usd": 480},
    clearing={"usd": 480},
    open=[WATCHED],
    books="0 violations\n",
)
REQUESTS = "every request became one order"
DECIDED = "every order is completed, unpaid or cancelled"
RACES = "each race for an order had one winner"
ENDED = "every order was ended by one run"
SHARED = "completed: captured = restaurant + runner + platform"
DUE = "cancelled: captured = what was due by then"
NO_HOLDS = "Stripe holds nothing, unpaid orders apart"
PAID = "what payees are due is paid, or held and owed"
BALANCE = "Stripe's balance = the ledger's clearing account"
ANSWERED = "calls without an answer are watched and hold nothing"
BOOKS = "manage.py verify_books"


def broken(evidence: Evidence) -> list[str]:
    return [check.sentence for check in checks(evidence) if not check.holds]


def but(rows: list[Any], at: int, **change: Any) -> list[Any]:
    """The rows with one of them changed."""
    return [replace(row, **change) if n == at else row for n, row in enumerate(rows)]


def test_the_proof_accepts_a_campus_on_which_all_is_well() -> None:
    assert broken(SOUND) == []
    assert [check.figure for check in checks(SOUND)] == [
        "5 of 5",
        "1 + 1 + 3",
        "4 won, 1 × 409",
        "0 live, 1 payouts held",
        "12.50",
        "1 in part",
        "0 + 1 holds",
        "20.00 + 13.98",
        "4.80 usd",
        "1 watched",
        "0 violations",
    ]


@pytest.mark.parametrize(
    ("planted", "sentences"),
    [
        ({"asked": 6}, [REQUESTS]),
        ({"asked": 6, "placements": [*SOUND.placements, REFUSED]}, [REQUESTS]),
        ({"asked": 4, "placements": SOUND.placements[1:]}, [REQUESTS]),
        ({"asked": 6, "placements": [*SOUND.placements, SOUND.placements[0]]}, [REQUESTS]),
        ({"asked": 6, "placements": [*SOUND.placements, LOST]}, [REQUESTS]),
        ({"placements": [TWO_FOR_ONE, *SOUND.placements[1:]]}, [REQUESTS]),
        ({"orders": but(ORDERS, 1, status="PENDING")}, [DECIDED, ENDED]),
        ({"orders": but(ORDERS, 1, status="DELIVERED")}, [DECIDED, ENDED]),
        ({"orders": but(ORDERS, 1, status="COMPLETED")}, [ENDED, SHARED]),
        ({"orders": but(ORDERS, 0, status="CANCELLED")}, [ENDED]),
        ({"taps": [*TAPS, Tap("order-1", "eve", 200)]}, [RACES]),
        ({"taps": TAPS[1:]}, [RACES]),
        ({"taps": [*TAPS, Tap("order-1", "eve", 500)]}, [RACES]),
        ({"backed_out": []}, [RACES]),
        ({"orders": but(ORDERS, 0, accepted=3)}, [RACES]),
        ({"runs": RUNS[1:]}, [ENDED]),
        ({"runs": [*RUNS, RUNS[0]]}, [ENDED]),
        ({"runs": [*RUNS, replace(RUNS[6], key="order-1")]}, [ENDED]),
        ({"runs": [*RUNS, replace(RUNS[5], key="order-4")]}, [ENDED]),
        ({"runs": [*RUNS, RUNS[5]]}, [ENDED]),
        ({"runs": [*RUNS, Run("run-12", "accept_order", "order-9:ann", "COMPLETED")]}, [ENDED]),
        ({"runs": but(RUNS, 0, status="PARKED")}, [ENDED]),
        ({"runs": but(RUNS, 5, status="PARKED")}, [ENDED]),
        ({"runs": but(RUNS, 7, status="COMPLETED")}, [ENDED]),
        ({"runs": but(RUNS, 9, status="RUNNING")}, [ENDED]),
        ({"runs": but(RUNS, 10, waits_for="balance.available")}, [ENDED, PAID]),
        ({"stripe": but(STRIPE, 0, captured=1249)}, [SHARED]),
        ({"stripe": but(STRIPE, 0, refunded=1)}, [SHARED]),
        ({"stripe": but(STRIPE, 0, currency="eur")}, [SHARED]),
        ({"stripe": but(STRIPE, 3, captured=1)}, [SHARED]),
        ({"booked": but(BOOKED, 0, platform=50)}, [SHARED]),
        ({"booked": but(BOOKED, 0, restaurant=799, runner=400)}, [SHARED, PAID]),
        ({"booked": but(BOOKED, 2, claimed=0)}, [SHARED, PAID]),
        ({"stripe": but(STRIPE, 2, captured=1500)}, [DUE]),
        ({"booked": but(BOOKED, 1, platform=0)}, [DUE]),
        ({"stripe": but(STRIPE, 1, captured=990)}, [DUE]),
        ({"stripe": but(STRIPE, 0, held=1250)}, [NO_HOLDS]),
        ({"stripe": but(STRIPE, 1, held=1)}, [NO_HOLDS]),
        ({"stripe": but(STRIPE, 3, held=999)}, [NO_HOLDS]),
        ({"stripe": [*STRIPE, AtStripe("order-9", "usd", held=5)]}, [NO_HOLDS]),
        ({"stripe": [*STRIPE, AtStripe("order-3", "usd", held=5)]}, [NO_HOLDS, ANSWERED]),
        ({"stripe": but(STRIPE, 0, transferred=1600)}, [PAID]),
        ({"stripe": but(STRIPE, 2, transferred=1000)}, [PAID]),
        ({"booked": but(BOOKED, 1, paid_runner=0)}, [PAID]),
        ({"runs": RUNS[:-1]}, [PAID]),
        ({"balance": {"usd": 479}}, [BALANCE]),
        ({"balance": {"usd": 480, "eur": 1}}, [BALANCE]),
        ({"clearing": {}}, [BALANCE]),
        ({"open": [replace(WATCHED, watched=False)]}, [ANSWERED]),
        ({"open": [replace(WATCHED, order_id="order-1")]}, [ANSWERED]),
        ({"books": "I01 journal balanced: 1 row\n  In every …\n1 violations\n"}, [BOOKS]),
        ({"books": ""}, [BOOKS]),
        ({"books": "Traceback …"}, [BOOKS]),
    ],
)  # fmt: skip
def test_the_proof_finds_every_planted_difference(
    planted: dict[str, Any], sentences: list[str]
) -> None:
    assert broken(replace(SOUND, **planted)) == sentences


def test_what_is_wrong_is_named_and_the_rest_counted() -> None:
    strays = [AtStripe(f"stray-{number}", "usd", held=5) for number in range(5)]
    found = checks(replace(SOUND, stripe=[*STRIPE, *strays]))
    (check,) = [each for each in found if not each.holds]
    assert str(check) == (
        f"{NO_HOLDS}: stray-0 is no order, and Stripe knows money of it; stray-1 is no order, and "
        "Stripe knows money of it; stray-2 is no order, and Stripe knows money of it and 2 more"
    )


def test_a_quantile_is_one_of_the_values() -> None:
    hundred = range(1, 101)
    assert [quantile(hundred, part) for part in (0.5, 0.95)] == [50, 95]
    assert [quantile([7.0], part) for part in (0.5, 0.95)] == [7, 7]
    assert quantile([], 0.5) == 0


def alive(folder: Path) -> list[int]:
    return [proc.pid for proc in State.read(folder).processes.values() if proc.alive]


def heard(demo: subprocess.Popen[str], word: str) -> str:
    """What it says, to the end of the first line with that word."""
    said = ""
    while word not in said:
        line = demo.stdout.readline()
        assert line, said + demo.stderr.read()
        said += line
    return said


@pytest.mark.story
def test_a_small_lunch_is_proven_and_stays_up_until_ctrl_c(folder: Path, run: Start) -> None:
    arguments = ("-m", "devstack.demo", "--orders", 12, "--state-dir", folder)
    demo = run(*arguments, "--keep", env={"FORCE_COLOR": "1"})
    said = heard(demo, "demo: ")
    assert said.endswith("\ndemo: OK\n"), said
    assert ("\x1b" in said, said.count("✗"), said.count("✓")) == (False, 0, 11)
    assert "kill -9 of all 2 workers" in said
    with urlopen(re.search(r"admin +(\S+)", said)[1]) as page:
        assert b"Log in" in page.read()

    second = run(*arguments)
    assert (second.wait(30), second.stdout.read()) == (2, "")
    assert "End it with Ctrl-C in its terminal" in second.stderr.read()

    pids = alive(folder)
    demo.send_signal(signal.SIGINT)
    assert (demo.wait(30), demo.stderr.read()) == (0, "")
    assert pids
    assert gone(*pids)


@pytest.mark.story
def test_ctrl_c_amid_the_lunch_leaves_nothing_running(folder: Path, run: Start) -> None:
    demo = run("-m", "devstack.demo", "--orders", 60, "--state-dir", folder)
    heard(demo, "first order is CREATED")
    pids = alive(folder)
    assert len(pids) == 7
    demo.send_signal(signal.SIGINT)
    assert (demo.wait(30), demo.stderr.read()) == (130, "")
    assert demo.stdout.read().endswith("demo: stopped\n")
    assert gone(*pids)
