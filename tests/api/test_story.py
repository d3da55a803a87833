"""An order over HTTP, from the post to its outcome, on a real worker and the Stripe sandbox."""

import pytest

from campusg.ids import new_id
from sagas.models import Run
from tests.api.conftest import Client, problem
from tests.conftest import eventually
from tests.factories import a_person
from tests.makers import (
    at_stripe,
    holds_of,
    make_customer,
    make_payee,
    make_restaurant,
    make_runner,
    order_body,
)
from users.models import PayoutAccount, Role

pytestmark = pytest.mark.story


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    """What is told at the end of a wait is proven here, not how soon a busy machine gets there."""
    monkeypatch.setattr("sagas.answering.WAIT_MAX_SECONDS", 60)


def test_an_order_is_placed_watched_and_created(worker):
    customer, restaurant = make_customer(), make_restaurant()
    client = Client(customer)
    placed = client.order(order_body(restaurant, quantity=2))
    assert placed.status_code == 202
    body = placed.json()
    assert placed["Location"] == body["status_url"]
    assert (body["order"]["status"], body["order"]["total"]) == ("PENDING", 3084)
    order = eventually(lambda: _with_status(client, body["status_url"], "CREATED"))
    assert order["items"][0]["unit_price"] == 1250
    (hold,) = holds_of(order["id"])
    assert (hold["amount"], hold["status"]) == (3084, "requires_capture")
    eventually(lambda: client.get(order["run"]).json()["status"] == "COMPLETED")
    run = client.get(order["run"]).json()
    assert [(s["name"], s["state"]) for s in run["steps"]] == [
        ("users.get_customer", "DONE"),
        ("orders.create", "DONE"),
        ("payments.authorize", "DONE"),
        ("escrow.hold", "DONE"),
        ("orders.mark_created", "DONE"),
        ("scheduler.start_order_timeout", "DONE"),
    ]
    assert all(step["started_at"] and step["ended_at"] for step in run["steps"])
    assert run["next_action"] == "None: it has ended."
    assert "facts" not in run
    for path, key in (("payments", "amount"), ("escrow", "total")):
        (row,) = client.get(f"/api/{path}").json()["results"]
        assert (row["order_id"], row[key]) == (order["id"], 3084)
        assert client.get(row["url"]).json() == row
    due = client.get("/api/events").json()["results"]
    assert {one["entity_id"] for one in due} == {order["id"]}
    assert {one["event_type"] for one in due} == {"ORDER_TIMEOUT", "ESCROW_TIMEOUT"}


def test_who_waits_is_told_the_outcome(worker):
    client = Client(make_customer())
    created = client.order(order_body(make_restaurant()), Prefer="wait=60")
    assert (created.status_code, created["Preference-Applied"]) == (201, "wait=60")
    assert created.json()["order"]["status"] == "CREATED"
    assert created.json()["run"]["status"] == "COMPLETED"


def test_who_waits_for_a_card_that_is_declined_is_told_so(worker):
    client = Client(make_customer("pm_card_chargeCustomerFail"))
    refused = client.order(order_body(make_restaurant()), Prefer="respond-async, wait=600")
    assert (refused.status_code, refused["Preference-Applied"]) == (200, "wait=60")
    body = refused.json()
    assert (body["order"]["status"], body["run"]["status"]) == ("CANCELLED", "COMPENSATED")
    assert "Your card was declined." in body["run"]["why"]
    assert "campusg:" not in refused.content.decode()
    steps = client.get(body["run"]["url"]).json()["steps"]
    assert ("payments.authorize", "do", "REFUSED", "Your card was declined.") in [
        (s["name"], s["direction"], s["state"], s["error"]) for s in steps
    ]
    assert client.get("/api/escrow").json()["results"] == []


def test_a_retry_that_waits_gets_the_same_order(worker):
    client, key, body = Client(make_customer()), new_id().hex, order_body(make_restaurant())
    first = client.order(body, key)
    again = client.order(body, key, Prefer="wait=60")
    assert (first.status_code, again.status_code) == (202, 201)
    assert again["Idempotent-Replayed"] == "true"
    assert again.json()["order"]["id"] == first.json()["order"]["id"]
    assert Run.objects.filter(key=first.json()["order"]["id"]).count() == 1


def test_an_order_lives_from_end_to_end(worker):
    customer, runner, restaurant = make_customer(), make_runner(), make_restaurant()
    make_payee(restaurant.owner)
    mine, theirs = Client(customer), Client(runner)
    order = handed_over(mine, theirs, restaurant)
    for who, leg in ((runner, "runner"), (restaurant.owner, "restaurant")):
        paid = eventually(lambda who=who, leg=leg: _ended(Client(who), f"{order['id']}:{leg}"))
        assert (paid["saga"], paid["status"]) == ("pay_out", "COMPLETED")
        assert mine.get(paid["url"]).status_code == 404
    assert mine.act(order["id"], "rate", {"stars": 5}).status_code == 201
    assert mine.get("/api/me/history").json()["totals"]["spent"][0]["amount"] == 1772
    assert theirs.get("/api/me/history").json()["totals"]["earned"][0]["amount"] == 399


def test_a_customer_whose_lunch_was_bad_gets_their_money_back(worker):
    customer, restaurant = make_customer(), make_restaurant()
    make_payee(restaurant.owner)
    order = handed_over(Client(customer), Client(make_runner()), restaurant)
    eventually(lambda: _ended(Client(restaurant.owner), f"{order['id']}:restaurant"))
    url, why = f"/api/orders/{order['id']}/refund", {"reason": "it was cold"}
    ops = Client(a_person(Role.OPS))
    given = ops.send("POST", url, why, Prefer="wait=60")
    assert (given.status_code, given.json()["run"]["status"]) == (200, "COMPLETED")
    assert at_stripe(order["id"])["refunded"] == 1772
    problem(ops.send("POST", url, why), 409, "nothing_to_refund")


def test_whoever_names_an_account_that_is_there_in_place_of_one_that_is_not_is_paid_at_once(worker):
    runner, restaurant = make_runner(), make_restaurant()
    order = handed_over(Client(make_customer()), Client(runner), restaurant)
    owner, key = Client(restaurant.owner), f"{order['id']}:restaurant"
    waits = eventually(lambda: _with_status(owner, _run(owner, key)["url"], "PARKED"))
    make_payee(restaurant.owner)
    account = PayoutAccount.objects.get(user=restaurant.owner).stripe_account_id
    url = f"/api/users/{restaurant.owner.id}/payout-account"
    body = {"stripe_account_id": account, "transfers": "active"}
    problem(owner.send("PUT", url, body), 403, "permission_denied")
    assert Client(a_person(Role.OPS)).send("PUT", url, body).status_code == 200
    assert eventually(lambda: _ended(owner, key))["id"] == waits["id"]
    assert owner.get(url).json() == {"transfers": "active", "disabled_reason": "", "gone_at": None}


def handed_over(mine, theirs, restaurant):
    """The order, once `mine` has placed it and `theirs` has brought it."""
    placed = mine.order(order_body(restaurant), Prefer="wait=60").json()
    url = placed["status_url"]
    open_now = theirs.get("/api/orders/available?page_size=100").json()["results"]
    (shown,) = [order for order in open_now if order["id"] == placed["order"]["id"]]
    assert theirs.send("POST", shown["accept_url"], {}).status_code == 200
    for status in ("PLACED", "ON_THE_WAY", "DELIVERED"):
        assert theirs.send("PUT", f"{url}/status", {"status": status}).status_code == 200
    pin = mine.get(f"{url}/pin").json()["pin"]
    done = theirs.send("POST", f"{url}/complete", {"pin": pin}, Prefer="wait=60")
    assert (done.status_code, done.json()["order"]["status"]) == (200, "COMPLETED")
    return done.json()["order"]


def test_an_order_is_called_off_and_its_money_given_back(worker):
    client = Client(make_customer())
    order = client.order(order_body(make_restaurant()), Prefer="wait=60").json()["order"]
    off = client.act(order["id"], "cancel", {"reason": "it rains"}, Prefer="wait=60")
    assert (off.status_code, off.json()["order"]["status"]) == (200, "CANCELLED")
    assert off.json()["order"]["cancel_reason"] == "it rains"
    (hold,) = holds_of(order["id"])
    assert hold["status"] == "canceled"


def test_a_card_is_saved_and_paid_with(worker):
    customer = a_person(Role.CUSTOMER)
    client, url = Client(customer), f"/api/users/{customer.id}/payment-method"
    problem(client.get(url), 404, "not_found")
    for card, brand in (("pm_card_visa", "visa"), ("pm_card_mastercard", "mastercard")):
        saved = client.put(url, {"payment_method": card}, format="json")
        assert (saved.status_code, saved.json()["brand"]) == (200, brand)
        assert client.get(url).json() == saved.json()
    refused = client.put(url, {"payment_method": "pm_nobody"}, format="json")
    problem(refused, 402, "payment_declined")
    assert client.get(url).json()["brand"] == "mastercard"
    placed = client.order(order_body(make_restaurant()), Prefer="wait=60")
    assert placed.status_code == 201


def _run(client, key):
    return client.get(f"/api/sagas?key={key}").json()["results"][0]


def _ended(client, key):
    run = _run(client, key)
    return run if run["ended_at"] else None


def _with_status(client, url, status):
    order = client.get(url).json()
    return order if order["status"] == status else None
