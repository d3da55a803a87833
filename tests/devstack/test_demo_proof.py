"""The demo's proof: it accepts a campus on which all is well, and finds what is planted."""

from dataclasses import replace
from typing import Any

import pytest

from devstack.play.clients import Placement
from devstack.play.evidence import (
    Booked,
    Evidence,
    Handled,
    Heard,
    Message,
    Open,
    Order,
    Recorded,
    Run,
    Told,
)
from devstack.play.lunch import Kitchen, customers_for, lunch_hour
from devstack.play.proof import checks
from devstack.play.runners import Tap
from devstack.play.sandbox import AtStripe

EATERS = [f"eater-{number}" for number in range(customers_for(6))]
LUNCH = lunch_hour(1, 6, EATERS, [Kitchen("noodles", ("ramen", "tea"))])

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
    AtStripe("order-5", "usd"),
]
BOOKED = [
    Booked("order-1", 800, 399, 51, paid_restaurant=800),
    Booked("order-4", 1000, 200, 100, paid_restaurant=1000, paid_runner=200),
    Booked("order-5", 600, 399, 1, claimed=1000),
]
RECORDED = [Recorded("event-1", True), Recorded("event-2", True), Recorded("event-3", True)]
#: The second was published twice.
MESSAGES = [
    Message("event-1", "order-1", 1), Message("event-2", "order-1", 2),
    Message("event-2", "order-1", 2), Message("event-3", "order-2", 1),
]  # fmt: skip
INBOX = [Handled("event-1"), Handled("event-2"), Handled("event-3")]
RECONCILED = """10 balance transactions read
2026-11-21 00:00 to 2026-11-22 12:31 UTC
matched      10
under way    0
new breaks   0
open breaks  0
unexplained  0
"""
SOUND = Evidence(
    asked=5,
    placements=[
        Placement(LUNCH[0], order_ids=("order-1", "order-1")),
        *(Placement(LUNCH[n], order_ids=(f"order-{n}",)) for n in range(2, 6)),
    ],
    taps=TAPS,
    backed_out=["order-1"],
    troubles=[],
    orders=ORDERS,
    runs=RUNS,
    stripe=STRIPE,
    booked=BOOKED,
    balance={"usd": 480},
    clearing={"usd": 480},
    open=[WATCHED],
    unpaid={"order-5"},
    recorded=RECORDED,
    messages=MESSAGES,
    inbox=INBOX,
    dead_letters=0,
    told=[Told("email", "sent", 2), Told("in_app", "sent", 5)],
    delivered=9,
    heard=Heard(9, 9),
    books="0 violations\n",
    reconciled=RECONCILED,
)
REQUESTS = "every request became one order"
DECIDED = "every order is completed, unpaid or cancelled"
RACES = "each race for an order had one winner"
ENDED = "every order was ended by one run"
SHARED = "completed: captured = restaurant + runner + platform"
DUE = "cancelled: captured = what was due by then"
NO_HOLDS = "Stripe holds nothing"
PAID = "what payees are due is paid, or held and owed"
BALANCE = "Stripe's balance = the ledger's clearing account"
ANSWERED = "calls without an answer are watched and hold nothing"
PUBLISHED = "events published = rows of the outbox"
IN_ORDER = "an order's events come in order, without a gap"
HANDLED = "inbox = events × consumers, no dead letters"
EVERYBODY_TOLD = "every notification is delivered"
FOLLOWED = "every webhook delivered is here and followed"
BOOKS = "manage.py verify_books"
AGREED = "manage.py reconcile"


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
        "4 of 5 taps",
        "0 live, 1 held",
        "12.50",
        "1 in part",
        "0 holds",
        "20.00 + 13.98",
        "4.80 usd",
        "1 watched",
        "3 of 3",
        "2 orders",
        "3, 0 dead",
        "7",
        "9 of 9, 0 dead",
        "0 violations",
        "10 matched, 0 unexplained",
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
        ({"troubles": ["PUT /api/orders/order-1/status: 500"]}, [RACES]),
        ({"orders": but(ORDERS, 0, accepted=3)}, [RACES]),
        ({"runs": RUNS[1:]}, [ENDED]),
        ({"runs": [*RUNS, RUNS[0]]}, [ENDED]),
        ({"runs": [*RUNS, replace(RUNS[6], key="order-1")]}, [ENDED]),
        ({"runs": [*RUNS, replace(RUNS[5], key="order-4")]}, [ENDED]),
        ({"runs": [*RUNS, RUNS[5]]}, [ENDED]),
        ({"runs": [*RUNS, Run("run-12", "accept_order", "order-9:ann", "COMPLETED")]}, [ENDED]),
        ({"runs": but(RUNS, 0, status="PARKED")}, [ENDED]),
        ({"runs": but(RUNS, 5, status="PARKED")}, [ENDED]),
        ({"runs": but(RUNS, 6, status="PARKED")}, [ENDED]),
        ({"runs": but(RUNS, 7, status="COMPLETED")}, [ENDED]),
        ({"unpaid": set()}, [ENDED]),
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
        ({"stripe": but(STRIPE, 3, held=1000)}, [NO_HOLDS]),
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
        ({"messages": MESSAGES[:-1]}, [PUBLISHED]),
        ({"messages": [*MESSAGES, Message("event-9", "order-3", 1)]}, [PUBLISHED]),
        ({"recorded": but(RECORDED, 0, published=False)}, [PUBLISHED]),
        ({"messages": but(MESSAGES, 0, version=3)}, [IN_ORDER]),
        ({"messages": [MESSAGES[1], MESSAGES[0], MESSAGES[3]]}, [IN_ORDER]),
        ({"inbox": INBOX[1:]}, [HANDLED]),
        ({"inbox": [*INBOX, INBOX[0]]}, [HANDLED]),
        ({"inbox": but(INBOX, 0, ignored=True)}, [HANDLED]),
        ({"dead_letters": 1}, [HANDLED]),
        ({"told": [Told("email", "failed", 1), Told("in_app", "sent", 5)]}, [EVERYBODY_TOLD]),
        ({"told": []}, [EVERYBODY_TOLD]),
        ({"books": "I01 journal balanced: 1 row\n  In every …\n1 violations\n"}, [BOOKS]),
        ({"books": ""}, [BOOKS]),
        ({"books": "Traceback …"}, [BOOKS]),
        ({"delivered": 10}, [FOLLOWED]),
        ({"heard": Heard(9, 8, dead=1)}, [FOLLOWED]),
        ({"delivered": 0, "heard": Heard(0, 0)}, [FOLLOWED]),
        ({"reconciled": RECONCILED.replace("unexplained  0", "unexplained  1.00 USD")}, [AGREED]),
        ({"reconciled": RECONCILED.replace("breaks  0", "breaks  1")}, [AGREED]),
        ({"reconciled": RECONCILED.replace("under way    0", "under way    1")}, [AGREED]),
        ({"reconciled": "CommandError: Stripe does not answer"}, [AGREED]),
    ],
)  # fmt: skip
def test_the_proof_finds_every_planted_difference(
    planted: dict[str, Any], sentences: list[str]
) -> None:
    assert broken(replace(SOUND, **planted)) == sentences


def test_an_order_called_off_whose_card_refused_what_was_due_is_a_person_s() -> None:
    runs = but(RUNS, 6, status="PARKED")
    assert broken(replace(SOUND, runs=runs, unpaid={"order-4", "order-5"})) == []


def test_what_is_wrong_is_named_and_the_rest_counted() -> None:
    strays = [AtStripe(f"stray-{number}", "usd", held=5) for number in range(5)]
    found = checks(replace(SOUND, stripe=[*STRIPE, *strays]))
    (check,) = [each for each in found if not each.holds]
    assert str(check) == (
        f"{NO_HOLDS}: stray-0 is no order, and Stripe knows money of it; stray-1 is no order, and "
        "Stripe knows money of it; stray-2 is no order, and Stripe knows money of it and 2 more"
    )
