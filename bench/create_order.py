"""create_order whole: HTTP in, Stripe answering after 400 ms, ledger, outbox, order open."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import requests
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from rest_framework_simplejwt.tokens import AccessToken

from bench.figures import Latency, Report, Speed
from bench.meter import metered
from bench.site import FOLDER, Site, solo, threads, until

STRIPE_MS = 400
#: Each remote step waits for Stripe most of its time: 40 threads do up to 100 a second.
WORKERS = (*solo(1, "local"), threads(40, "remote"))
CUSTOMERS, RESTAURANTS = 40, 4
ORDERS, PER_SECOND, SECONDS = 200, 20, 10
#: Connections: of each client in bulk, and enough of them that no order waits for one.
PHONES, MANY_PHONES = 4, 16

#: Who posts and what: an access token and the body of an order.
Post = tuple[str, str]


def create_order(site: Site) -> list[Report]:
    """How many orders a second, and how long one takes while 20 a second come in."""
    report = Report(f"create_order whole, Stripe answering after {STRIPE_MS} ms")
    posts = campus(site)
    stripe_takes(STRIPE_MS)
    with site.workers(*WORKERS), site.web() as port:
        bulk(site, port, posts, site.size(30))
        report.speeds.append(_speed(site, port, posts))
        answered, created = steadily(site, port, posts)
        answered.target_p99, created.target = 60, STRIPE_MS + 60
        report.latencies += answered, created
    return [report]


def campus(site: Site) -> list[Post]:
    """Customers with cards and kitchens with menus; what each customer posts."""
    path = FOLDER / "people.json"
    options = {
        "customers": site.size(CUSTOMERS),
        "restaurants": RESTAURANTS,
        "runners": 0,
        "declined_share": 0.0,
    }
    with (FOLDER / "seed.log").open("w") as log:
        call_command("seed_campus", json=path, password=uuid4().hex, stdout=log, **options)
    people = json.loads(path.read_text())
    kitchens = itertools.cycle(people["restaurants"])
    return [
        (_token(customer["id"]), _order(kitchen))
        for customer, kitchen in zip(people["customers"], kitchens, strict=False)
    ]


def _token(user_id: str) -> str:
    return str(AccessToken.for_user(get_user_model().objects.get(pk=user_id)))


def _order(kitchen: dict[str, Any]) -> str:
    items = [{"menu_item_id": kitchen["menu"][0]["id"], "quantity": 1}]
    wanted = {"restaurant_id": kitchen["id"], "items": items, "delivery_location": "Dorm 4"}
    return json.dumps(wanted)


def stripe_takes(milliseconds: int) -> None:
    """From now on the sandbox answers after so long."""
    url = f"{settings.STRIPE_API_BASE}/_sandbox/settings"
    requests.put(url, json={"latency_ms": milliseconds}, timeout=10).raise_for_status()


def _speed(site: Site, port: int, posts: Sequence[Post]) -> Speed:
    speed = Speed("posted by all clients at once, until the last is CREATED", target=50)
    for _ in range(site.repetitions):
        count = site.size(ORDERS)
        with metered() as cost:
            bulk(site, port, posts, count)
        speed.add(count, cost)
    return speed


def bulk(site: Site, port: int, posts: Sequence[Post], count: int) -> None:
    """Post so many orders from all clients at once, and wait until the last is CREATED."""
    wanted = _created() + count
    site.share(post_many, count, port, posts)
    until(lambda: _created() >= wanted, f"{count} orders to be CREATED", within=300)


def post_many(count: int, port: int, posts: Sequence[Post]) -> None:
    """In a client: `count` orders over a few connections."""
    turns = iter(list(itertools.islice(itertools.cycle(posts), count)))

    def serve() -> None:
        phone = Phone(port)
        for post in turns:
            phone.order(*post)

    with ThreadPoolExecutor(PHONES) as pool:
        for served in [pool.submit(serve) for _ in range(PHONES)]:
            served.result()


class Phone:
    """One kept-alive connection. Not `requests`, which costs a client more than it costs us."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def order(self, token: str, body: str) -> UUID:
        """Post an order; its id. Raises RuntimeError when it is refused."""
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": str(uuid4()),
        }
        self._http.request("POST", "/api/orders", body, headers)
        reply = self._http.getresponse()
        said = reply.read()
        if reply.status != 202:
            raise RuntimeError(f"POST /api/orders: {reply.status} {said[:300]!r}")
        return UUID(json.loads(said)["order"]["id"])


def steadily(
    site: Site, port: int, posts: Sequence[Post], orders: int = PER_SECOND * SECONDS
) -> tuple[Latency, Latency]:
    """Each order at its own time, whether or not those before it have been answered: how long
    each took to be answered, and to be CREATED."""
    answered = Latency(f"POST answered, at {PER_SECOND} a second")
    created = Latency(f"POST until seen CREATED, at {PER_SECOND} a second")
    due: dict[UUID, float] = {}
    mine = threading.local()

    def post(moment: float, one: Post) -> None:
        phone = mine.__dict__.setdefault("phone", Phone(port))
        time.sleep(max(0.0, moment - time.perf_counter()))
        order_id = phone.order(*one)
        # From when it was due: one that is kept waiting by those before it is late as well.
        answered.seconds.append(time.perf_counter() - moment)
        due[order_id] = moment

    def all_seen() -> bool:
        for order_id in _created_of(list(due)):
            created.seconds.append(time.perf_counter() - due.pop(order_id))
        for call in calls:
            if call.done():
                call.result()
        return len(created.seconds) == len(calls)

    with metered() as cost, ThreadPoolExecutor(MANY_PHONES) as pool:
        turns = itertools.islice(itertools.cycle(posts), site.size(orders))
        start = time.perf_counter() + 0.1
        calls = [
            pool.submit(post, start + number / PER_SECOND, one) for number, one in enumerate(turns)
        ]
        until(all_seen, "every order to be CREATED", within=60 + orders / PER_SECOND, every=0.005)
    answered.others = created.others = cost.others
    return answered, created


def _created() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orders_order WHERE status = 'CREATED'")
        return int(cursor.fetchone()[0])


def _created_of(order_ids: list[UUID]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM orders_order WHERE id = ANY(%s) AND status = 'CREATED'", [order_ids]
        )
        return [row[0] for row in cursor.fetchall()]
