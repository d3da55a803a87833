"""The order page as people see it: it moves by itself, and is whole without a script."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from orders import services as orders
from tests.browser.look import faults
from tests.conftest import Worker
from tests.factories import a_customer, a_person, an_order
from tests.makers import make_customer, make_restaurant
from tests.sagas.placed import Placed
from tests.server import Server
from users.models import Role

pytestmark = pytest.mark.story

Visit = Callable[..., Page]


def path(order_id: Any) -> str:
    return f"/orders/{order_id}/"


def test_an_order_is_seen_to_be_created_while_a_worker_creates_it(
    visit: Visit, no_worker: None, new_worker: Callable[..., Worker]
) -> None:
    placed = Placed(make_customer(), make_restaurant())
    page = visit(placed.order.customer, path(placed.id))
    expect(page.get_by_role("status")).to_contain_text("Pending")
    expect(page.locator("#live")).to_contain_text("Live")
    page.evaluate("window.sameDocument = true")
    operators = visit(a_person(Role.OPS), path(placed.id))
    run = operators.get_by_role("heading", name="create_order")
    expect(run).to_have_text("create_order: running")
    new_worker()
    expect(page.get_by_role("status")).to_contain_text("Created")
    expect(page.locator("#way [aria-current=step]")).to_contain_text("Created")
    expect(page.locator("#history")).to_contain_text("payment.authorized")
    assert page.evaluate("window.sameDocument"), "it was never loaded again"
    expect(run).to_have_text("create_order: completed")


def test_the_page_goes_on_when_the_server_comes_back(
    visit: Visit, servers: Callable[..., Server]
) -> None:
    order, first = an_order(), servers()
    page = visit(order.customer, path(order.id), at=first)
    expect(page.locator("#live")).to_contain_text("Live")
    first.stop()
    expect(page.locator("#live")).not_to_contain_text("Live")
    orders.mark_created(order_id=order.id)
    servers(port=first.port)
    expect(page.get_by_role("status")).to_contain_text("Created")


@pytest.mark.parametrize("status", [429, 503])
def test_the_page_goes_on_after_a_proxy_has_answered_in_the_server_s_place(
    visit: Visit, site: Server, status: int
) -> None:
    order = an_order()
    page = visit(order.customer, "/healthz")
    refused = {"status": status, "content_type": "application/problem+json", "body": "{}"}
    page.route("**/stream*", lambda route: route.fulfill(**refused))
    page.goto(path(order.id))
    expect(page.locator("#live")).to_contain_text("Connecting again")
    page.route(f"**{path(order.id)}", lambda route: route.fulfill(**refused))
    expect(page.locator("#live")).to_contain_text("No connection")
    orders.mark_created(order_id=order.id)
    page.unroute_all()
    expect(page.get_by_role("status")).to_contain_text("Created")
    expect(page.locator("#live")).to_contain_text("Live")


def test_nobody_else_sees_the_order(visit: Visit, site: Server) -> None:
    order = an_order()
    page = visit(a_customer(), "/healthz")
    assert page.goto(path(order.id)).status == 404
    page.context.clear_cookies()
    page.goto(path(order.id))
    assert page.url.startswith(f"{site.url}/accounts/login?next=")


def test_a_customer_calls_the_order_off_and_sees_it_end(visit: Visit, worker: Worker) -> None:
    placed = Placed(make_customer(), make_restaurant())
    page = visit(placed.order.customer, path(placed.id))
    page.get_by_label("Why?").fill("not hungry any more")
    page.get_by_role("button", name="Cancel the order").click()
    expect(page.get_by_role("status")).to_contain_text("Cancelled")
    expect(page.get_by_role("button", name="Cancel the order")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_and_use_the_page(visit: Visit, committed_db: None, scheme: str) -> None:
    order = an_order()
    orders.mark_created(order_id=order.id)
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme}
    for user in (order.customer, a_person(Role.OPS)):
        page = visit(user, path(order.id), **phone)
        assert faults(page) == []
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the order")).to_be_focused()


def test_without_a_script_the_page_is_whole_and_says_how_to_look_again(
    visit: Visit, committed_db: None
) -> None:
    order = an_order()
    page = visit(order.customer, path(order.id), java_script_enabled=False)
    expect(page.get_by_role("status")).to_contain_text("Pending")
    expect(page.get_by_role("link", name="Look again now")).to_be_visible()
    assert page.locator("meta[http-equiv=refresh]").count() == 1


def test_the_pin_is_the_customers_alone(visit: Visit, committed_db: None) -> None:
    order = an_order()
    orders.mark_created(order_id=order.id)
    pin = orders.pin_of(order_id=order.id, customer_id=order.customer_id)
    expect(visit(order.customer, path(order.id)).locator(".pin")).to_have_text(pin)
    for other in (a_person(Role.OPS), order.restaurant.owner):
        expect(visit(other, path(order.id)).locator(".pin")).to_have_count(0)
