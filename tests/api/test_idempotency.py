"""The same request twice is one order and one answer, whatever lies between the two."""

import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread

import pytest
import requests
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTask

from campusg.api.models import IdempotencyKey
from campusg.api.tasks import forget
from campusg.ids import new_id
from devstack.state import free_port
from orders.models import Order
from sagas.books import OF_THE_RELAY, violations
from sagas.models import Run
from tests import stack
from tests.api.conftest import Client, problem
from tests.conftest import ROOT, eventually, test_database_url
from tests.factories import a_customer, a_menu_item, a_restaurant
from tests.makers import holds_of, make_customer, make_restaurant, order_body


@pytest.fixture
def kitchen(db):
    kitchen = a_restaurant()
    a_menu_item(kitchen)
    return kitchen


@pytest.fixture
def client(db):
    return Client(a_customer())


def test_a_replay_is_the_first_answer_again(client, kitchen):
    key = new_id().hex
    first = client.order(order_body(kitchen), key)
    again = client.order(order_body(kitchen), key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again["Location"] == first["Location"]
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert Order.objects.count() == 1


def test_the_order_of_members_makes_no_other_body(client, kitchen):
    key, body = new_id().hex, order_body(kitchen)
    first = client.order(body, key)
    turned = {name: body[name] for name in reversed(body)}
    assert client.order(turned, f'"{key}"').json() == first.json()


def test_a_key_stands_for_one_body(client, kitchen):
    key = new_id().hex
    client.order(order_body(kitchen), key)
    other = client.order(order_body(kitchen, quantity=2), key)
    problem(other, 422, "idempotency_key_reused", "Idempotency-Key")
    assert Order.objects.count() == 1


def test_another_persons_answer_is_never_replayed(client, kitchen):
    key, body = new_id().hex, order_body(kitchen)
    first, second = client.order(body, key), Client(a_customer()).order(body, key)
    assert second.status_code == 202
    assert "Idempotent-Replayed" not in second
    assert first.json()["order"]["id"] != second.json()["order"]["id"]


@pytest.mark.parametrize("key", ["too-short", "x" * 256, "sixteen or more!", "ключключключключ"])
def test_a_key_has_a_form(client, kitchen, key):
    headers = {"Idempotency-Key": key}
    response = client.post("/api/orders", order_body(kitchen), format="json", headers=headers)
    problem(response, 400, "idempotency_key_malformed", "Idempotency-Key")


def test_without_a_key_nothing_is_done(client, kitchen):
    response = client.post("/api/orders", order_body(kitchen), format="json")
    problem(response, 400, "idempotency_key_missing", "Idempotency-Key")
    assert Order.objects.count() == 0


def test_a_refusal_gives_the_key_back(client, kitchen):
    key = new_id().hex
    problem(client.order({}, key), 422, "validation_failed", "restaurant_id")
    kitchen.is_open = False
    kitchen.save()
    problem(client.order(order_body(kitchen), key), 409, "restaurant_closed", "restaurant_id")
    kitchen.is_open = True
    kitchen.save()
    placed = client.order(order_body(kitchen), key)
    assert placed.status_code == 202
    assert "Idempotent-Replayed" not in placed


def test_keys_cost_two_queries_of_a_post_and_a_replay_costs_one(client, kitchen):
    key, body = new_id().hex, order_body(kitchen)
    with CaptureQueriesContext(connection) as post:
        client.order(body, key)
    with CaptureQueriesContext(connection) as replay:
        client.order(body, key)

    def own(queries):
        return [q for q in queries if "SAVEPOINT" not in q["sql"]]

    assert sum("api_idempotencykey" in q["sql"] for q in own(post)) == 2
    assert len(own(replay)) == 1


def test_the_work_itself_may_wait_for_locks_as_long_as_ever(client, kitchen):
    client.order(order_body(kitchen))
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("10s",)


@pytest.mark.fault(38)
def test_keys_are_forgotten_after_three_days(client, kitchen):
    old, young = new_id().hex, new_id().hex
    for key in (old, young):
        client.order(order_body(kitchen), key)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE api_idempotencykey SET created_at = now() - interval '73 h' WHERE key = %s",
            [old],
        )
    beat = PeriodicTask.objects.get(task=forget.name)
    assert (beat.interval.period, beat.enabled) == ("hours", True)
    forget()
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == [young]


def test_while_the_first_is_at_work_the_second_is_told_to_come_back(committed_db):
    customer, kitchen, key = make_customer(), make_restaurant(), new_id().hex
    client, at_work, leave = Client(customer), Event(), Event()

    def first() -> None:
        """A process that has begun and then dies: nothing of it is ever committed."""
        with transaction.atomic():
            assert client.order(order_body(kitchen), key).status_code == 202
            at_work.set()
            leave.wait(30)
            transaction.set_rollback(True)
        connection.close()

    thread = Thread(target=first)
    thread.start()
    assert at_work.wait(30)
    asked = time.monotonic()
    second = Client(customer).order(order_body(kitchen), key)
    assert 1.9 < time.monotonic() - asked < 20, "not until the first has left"
    problem(second, 409, "idempotency_key_in_use")
    assert second["Retry-After"] == "1"
    leave.set()
    thread.join()
    assert Order.objects.filter(customer=customer).count() == 0
    third = Client(customer).order(order_body(kitchen), key)
    assert third.status_code == 202
    assert "Idempotent-Replayed" not in third


@pytest.fixture
def server(committed_db):
    """The site as production runs it: gunicorn, two processes of eight threads."""
    port = free_port()
    log = stack.current.folder / "gunicorn.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "campusg.wsgi", "-w", "2", "--threads", "8",
             "--no-control-socket",
             "-b", f"127.0.0.1:{port}"],
            cwd=ROOT, env=os.environ | {"DATABASE_URL": test_database_url()},
            stdout=out, stderr=out,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _is_up(url))
        yield url
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.fault(4)
@pytest.mark.race
def test_a_hundred_at_once_with_one_key_are_one_order(server, worker):
    customer, kitchen = make_customer(), make_restaurant()
    customer.set_password("correct horse battery")
    customer.save()
    signed_in = requests.post(
        f"{server}/api/token",
        json={"username": customer.username, "password": "correct horse battery"},
        timeout=10,
    ).json()
    headers = {"Authorization": f"Bearer {signed_in['access']}", "Idempotency-Key": new_id().hex}
    body = order_body(kitchen)

    def post(**other: object) -> requests.Response:
        said = body | other
        return requests.post(f"{server}/api/orders", json=said, headers=headers, timeout=30)

    start = Barrier(100, timeout=30)
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _: start.wait() >= 0 and post(), range(100)))
    kinds = Counter((a.status_code, a.headers.get("Idempotent-Replayed")) for a in answers)
    assert kinds.pop((202, None)) == 1
    assert set(kinds) <= {(202, "true"), (409, None)}
    assert kinds[202, "true"]
    order = Order.objects.get(customer=customer)
    served = [a.json() for a in answers if a.status_code == 202]
    assert all(one == served[0] for one in served)
    assert served[0]["order"]["id"] == str(order.id)
    assert post(delivery_location="Dorm 5").status_code == 422
    run = Run.objects.get(key=str(order.id))
    eventually(lambda: Run.objects.get(pk=run.pk).status == "COMPLETED")
    (hold,) = holds_of(order.id)
    assert (hold["status"], hold["amount"]) == ("requires_capture", order.total)
    assert [one for one in violations(but=OF_THE_RELAY) if str(order.id) in str(one.rows)] == []


def _is_up(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=1).status_code == 200
    except requests.RequestException:
        return False
