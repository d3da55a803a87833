"""How an order ends over HTTP: handed over, called off, looked back on; and what each is told."""

import pytest

from orders.states import OrderStatus
from sagas.models import Run, RunStatus
from tests.api.conftest import Client, problem
from tests.api.world import (
    a_completed_order,
    a_run_that_waits_for_the_card,
    an_accepted_order,
    delivered,
    events_of,
    open_order,
    status_of,
)
from tests.factories import a_customer, a_person
from users.models import Role

pytestmark = pytest.mark.django_db
S = OrderStatus


class TestHandingOver:
    def pin(self, customer, order):
        return Client(customer).get(f"/api/orders/{order.id}/pin").json()["pin"]

    def test_the_runner_needs_the_customers_pin(self, customer, runner):
        order = delivered(customer, runner, S.DELIVERED)
        pin = self.pin(customer, order)
        assert len(pin) == 6
        assert pin.isdigit()
        done = Client(runner).act(order.id, "complete", {"pin": pin})
        assert (done.status_code, done.json()["order"]["status"]) == (202, "COMPLETING")
        assert pin not in str(Run.objects.get(saga="complete_order").facts)

    def test_a_wrong_pin_changes_nothing_and_five_lock_it(self, customer, runner):
        order = delivered(customer, runner, S.DELIVERED)
        pin = self.pin(customer, order)
        wrong = {"pin": f"{(int(pin) + 1) % 1_000_000:06}"}
        told = [
            problem(Client(runner).act(order.id, "complete", wrong), 422, "wrong_pin", "pin")
            for _ in range(4)
        ]
        assert len({one["detail"] for one in told}) == 4
        Client(runner).act(order.id, "complete", wrong)
        problem(Client(runner).act(order.id, "complete", {"pin": pin}), 409, "pin_locked")
        assert status_of(order)[0] == "DELIVERED"
        ops = a_person(Role.OPS)
        seen = Client(ops).act(order.id, "complete", {"reason": "the customer rang us"})
        assert seen.status_code == 202
        assert "order.pin_overridden" in events_of(order)

    def test_doing_without_is_for_operators(self, customer, runner):
        order = delivered(customer, runner, S.DELIVERED)
        told = Client(runner).act(order.id, "complete", {"reason": "trust me"})
        problem(told, 422, "validation_failed", "reason")
        problem(Client(runner).act(order.id, "complete"), 422, "validation_failed", "pin")
        assert status_of(order)[0] == "DELIVERED"

    def test_nothing_is_completed_before_it_is_delivered(self, customer, runner):
        order = delivered(customer, runner, S.ON_THE_WAY)
        told = Client(runner).act(order.id, "complete", {"pin": self.pin(customer, order)})
        problem(told, 409, "order_moved")


class TestCallingOff:
    def test_the_order_is_locked_at_once(self, customer, runner):
        order = delivered(customer, runner, S.ACCEPTED)
        begun = Client(customer).act(order.id, "cancel", {"reason": "too late"})
        assert (begun.status_code, begun.json()["order"]["status"]) == (202, "CANCELLING")
        assert begun.json()["run"]["saga"] == "cancel_order"
        url = f"/api/orders/{order.id}/status"
        problem(Client(runner).send("PUT", url, {"status": "PLACED"}), 409, "order_moved")

    def test_why_has_to_be_said(self, customer):
        order = an_accepted_order(customer)
        problem(Client(customer).act(order.id, "cancel"), 422, "validation_failed", "reason")

    def test_not_by_a_customer_whose_lunch_is_on_its_way(self, customer, runner):
        order = delivered(customer, runner, S.ON_THE_WAY)
        told = Client(customer).act(order.id, "cancel", {"reason": "not hungry"})
        problem(told, 409, "may_not_cancel")
        assert status_of(order)[0] == "ON_THE_WAY"

    def test_a_kitchen_only_looks(self, customer):
        order = an_accepted_order(customer)
        owner = order.restaurant.owner
        owner.roles = ["restaurant", "customer"]
        owner.save()
        told = Client(owner).act(order.id, "cancel", {"reason": "no noodles"})
        problem(told, 403, "permission_denied")

    def test_an_order_still_being_created_is_taken_back(self, customer):
        run = a_run_that_waits_for_the_card(customer)
        begun = Client(customer).act(run.key, "cancel", {"reason": "wrong card"})
        assert begun.status_code == 202
        assert begun.json()["run"]["id"] == str(run.id)
        assert begun.json()["run"]["status"] == "COMPENSATING"
        assert not Run.objects.filter(saga="cancel_order").exists()

    def test_its_run_can_be_cancelled_as_well_and_no_other(self, customer, runner):
        run = a_run_that_waits_for_the_card(customer)
        url, why = f"/api/sagas/{run.id}/cancel", {"reason": "wrong card"}
        assert Client(customer).send("POST", url, why).json()["status"] == "COMPENSATING"
        problem(Client(customer).send("POST", url, why), 409, "no_live_run")
        order = open_order(customer)
        accepted = Client(runner).act(order.id, "accept").json()["run"]["url"]
        ops = Client(a_person(Role.OPS))
        problem(ops.send("POST", f"{accepted}/cancel", why), 409, "not_cancellable")

    def test_past_its_pivot_creating_is_done(self, customer):
        run = a_run_that_waits_for_the_card(customer)
        Run.objects.filter(pk=run.pk).update(position=6, status=RunStatus.RUNNING)
        url = f"/api/sagas/{run.id}/cancel"
        problem(Client(customer).send("POST", url, {"reason": "no"}), 409, "no_live_run")


class TestLookingBack:
    def test_totals_are_of_all_that_was_paid(self, customer, runner):
        for _ in range(3):
            a_completed_order(customer, runner)
        an_accepted_order(customer)
        page = Client(customer).get("/api/me/history?page_size=2").json()
        assert len(page["results"]) == 2
        assert page["totals"] == {
            "spent": [{"currency": "USD", "amount": 3 * 1772, "orders": 3}],
            "earned": [],
        }
        earned = Client(runner).get("/api/me/history").json()["totals"]["earned"]
        assert earned == [{"currency": "USD", "amount": 3 * 399, "orders": 3}]

    def test_each_rates_the_other_once(self, customer, runner):
        order = a_completed_order(customer, runner)
        for who, stars in ((customer, 5), (runner, 4)):
            rated = Client(who).act(order.id, "rate", {"stars": stars})
            assert (rated.status_code, rated.json()) == (201, {"stars": stars})
            again = Client(who).act(order.id, "rate", {"stars": 1})
            problem(again, 409, "already_rated")

    def test_not_before_it_is_over_and_not_by_others(self, customer, runner):
        going = delivered(customer, runner, S.PLACED)
        problem(Client(customer).act(going.id, "rate", {"stars": 1}), 409, "not_ratable")
        over = a_completed_order(customer, runner)
        stranger = Client(a_customer()).act(over.id, "rate", {"stars": 1})
        problem(stranger, 404, "not_found")

    @pytest.mark.parametrize("stars", [0, 6, 4.5, None, "many"])
    def test_one_to_five_stars(self, customer, runner, stars):
        order = a_completed_order(customer, runner)
        told = Client(customer).act(order.id, "rate", {"stars": stars})
        problem(told, 422, "validation_failed", "stars")
