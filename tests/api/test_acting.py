"""What people do to orders over HTTP, and what each is told when it can't be done."""

import pytest

from campusg.ids import new_id
from orders.models import Order
from orders.states import OrderStatus
from sagas.models import Run
from tests.api.conftest import Client, problem
from tests.api.world import (
    a_runner,
    delivered,
    events_of,
    open_order,
    status_of,
)
from tests.factories import an_order
from users.models import Transfers
from users.services import save_payout_account

pytestmark = pytest.mark.django_db
S = OrderStatus


class TestTaking:
    def test_the_first_runner_gets_the_order_at_once(self, customer, runner):
        order = open_order(customer)
        taken = Client(runner).act(order.id, "accept")
        body = taken.json()
        assert taken.status_code == 200
        assert (body["order"]["status"], body["run"]["saga"]) == ("ACCEPTED", "accept_order")
        assert status_of(order) == ("ACCEPTED", runner.id, 3)
        assert Client(runner).get(body["run"]["url"]).status_code == 200
        assert Client(customer).get(body["run"]["url"]).status_code == 200

    def test_the_second_is_told_so_and_nothing_has_changed(self, customer, runner):
        order = open_order(customer)
        Client(a_runner()).act(order.id, "accept")
        before = status_of(order), events_of(order), Run.objects.count()
        problem(Client(runner).act(order.id, "accept"), 409, "order_taken")
        assert (status_of(order), events_of(order), Run.objects.count()) == before

    def test_the_same_request_twice_is_taken_once(self, customer, runner):
        order, key, client = open_order(customer), new_id().hex, Client(runner)
        url = f"/api/orders/{order.id}/accept"
        first, again = (client.send("POST", url, {}, key) for _ in range(2))
        assert again.json() == first.json()
        assert again["Idempotent-Replayed"] == "true"
        assert events_of(order).count("order.accepted") == 1

    def test_without_a_key_nothing_is_done(self, customer, runner):
        order = open_order(customer)
        asked = Client(runner).post(f"/api/orders/{order.id}/accept", {}, format="json")
        problem(asked, 400, "idempotency_key_missing", "Idempotency-Key")
        assert status_of(order)[0] == "CREATED"

    def test_nobody_delivers_what_they_ordered(self, customer):
        customer.roles = ["customer", "runner"]
        customer.save()
        save_payout_account(
            user_id=customer.id, stripe_account_id="acct_own", transfers=Transfers.ACTIVE
        )
        order = open_order(customer)
        problem(Client(customer).act(order.id, "accept"), 422, "own_order", "runner_id")
        assert Client(customer).get("/api/orders/available").json()["results"] == []

    def test_who_takes_it_cannot_be_posted(self, customer, runner):
        order = open_order(customer)
        for field in ("runner_id", "status", "delivery_fee", "total"):
            refused = Client(runner).act(order.id, "accept", {field: str(new_id())})
            problem(refused, 422, "validation_failed", field)

    def test_an_order_whose_money_is_not_held_is_nobodys_yet(self, customer, runner):
        problem(Client(runner).act(an_order(customer).id, "accept"), 404, "not_found")

    def test_what_is_open_is_shown_with_what_a_runner_has_to_know(self, customer, runner):
        order = open_order(customer)
        (shown,) = Client(runner).get("/api/orders/available").json()["results"]
        assert shown["accept_url"].endswith(f"/api/orders/{order.id}/accept")
        assert (shown["restaurant"], shown["delivery_fee"]) == (order.restaurant.name, 399)
        assert str(customer.id) not in str(shown)
        Client(runner).act(order.id, "accept")
        assert Client(runner).get("/api/orders/available").json()["results"] == []


class TestBackingOut:
    def test_the_order_is_open_again_and_no_longer_theirs(self, customer, runner):
        order = delivered(customer, runner, S.ACCEPTED)
        given = Client(runner).act(order.id, "release")
        assert (given.status_code, given.json()["order"]["status"]) == (200, "CREATED")
        assert events_of(order)[-1] == "order.released"
        assert Client(runner).get(f"/api/orders/{order.id}").status_code == 404
        assert Client(a_runner()).act(order.id, "accept").status_code == 200

    def test_not_once_the_kitchen_is_at_work(self, customer, runner):
        order = delivered(customer, runner, S.PLACED)
        problem(Client(runner).act(order.id, "release"), 409, "order_moved")
        assert status_of(order)[:2] == ("PLACED", runner.id)


class TestDelivering:
    def put(self, who, order, status, **headers):
        url = f"/api/orders/{order.id}/status"
        return Client(who).send("PUT", url, {"status": status}, **headers)

    def test_step_by_step(self, customer, runner):
        order = delivered(customer, runner, S.ACCEPTED)
        for version, step in enumerate((S.PLACED, S.ON_THE_WAY, S.DELIVERED), 4):
            for _ in range(2):
                moved = self.put(runner, order, step)
                assert (moved.status_code, moved.json()["status"]) == (200, step)
                assert moved["ETag"] == f'"{version}"'
        assert events_of(order)[-3:] == ["order.status_updated"] * 3

    def test_no_step_is_left_out_and_none_is_taken_back(self, customer, runner):
        order = delivered(customer, runner, S.PLACED)
        problem(self.put(runner, order, "DELIVERED"), 409, "order_moved")
        self.put(runner, order, "ON_THE_WAY")
        problem(self.put(runner, order, "PLACED"), 409, "order_moved")

    @pytest.mark.parametrize("status", sorted({*S} - {S.PLACED, S.ON_THE_WAY, S.DELIVERED}))
    def test_the_rest_is_not_a_runners_to_say(self, customer, runner, status):
        order = delivered(customer, runner, S.ACCEPTED)
        problem(self.put(runner, order, status), 422, "validation_failed", "status")
        assert status_of(order)[0] == "ACCEPTED"


class TestVersions:
    @pytest.mark.parametrize("known", ['"3"', '"1", "3"', "*"])
    def test_who_has_seen_the_order_as_it_is_may_act(self, customer, runner, known):
        order = delivered(customer, runner, S.ACCEPTED)
        acted = Client(runner).act(order.id, "release", **{"If-Match": known})
        assert acted.status_code == 200

    @pytest.mark.parametrize("known", ['"2"', 'W/"3"', "3"])
    def test_who_has_not_is_told_and_nothing_happens(self, customer, runner, known):
        order = delivered(customer, runner, S.ACCEPTED)
        before, stale = status_of(order), {"If-Match": known}
        put = f"/api/orders/{order.id}/status", {"status": "PLACED"}
        for asked in (
            Client(runner).act(order.id, "release", **stale),
            Client(runner).send("PUT", *put, **stale),
            Client(customer).act(order.id, "cancel", {"reason": "late"}, **stale),
        ):
            problem(asked, 412, "precondition_failed", "If-Match")
        assert status_of(order) == before

    def test_not_even_when_it_changes_in_between(self, customer, runner, monkeypatch):
        """Somebody else's move lands between the look and the act."""
        order = delivered(customer, runner, S.ACCEPTED)

        def moved_meanwhile(**facts):
            Order.objects.filter(pk=order.pk).update(version=7)
            return advance(**facts)

        from orders.services import advance

        monkeypatch.setattr("orders.services.advance", moved_meanwhile)
        put = f"/api/orders/{order.id}/status", {"status": "PLACED"}
        asked = Client(runner).send("PUT", *put, **{"If-Match": '"3"'})
        problem(asked, 412, "precondition_failed", "If-Match")
        assert status_of(order)[0] == "ACCEPTED"
