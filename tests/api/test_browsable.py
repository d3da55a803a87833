"""People without a client: sign in on the page, fill in the form, press POST."""

import json
import re
from html.parser import HTMLParser

import pytest
from django.test import Client

from campusg.ids import new_id
from orders.models import Order
from tests.factories import a_customer, a_menu_item, a_restaurant
from tests.makers import order_body

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


class Forms(HTMLParser):
    """The forms of a page: where each goes and what it would send."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[dict] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.forms.append(given | {"fields": {}})
        elif tag in ("input", "textarea", "select") and self.forms and "name" in given:
            self.forms[-1]["fields"][given["name"]] = given.get("value") or ""

    def with_field(self, name: str) -> dict:
        (form,) = (form for form in self.forms if name in form["fields"])
        return form


@pytest.fixture
def browser():
    """Signed in through the page's own form, with CSRF protection on."""
    customer = a_customer()
    customer.set_password(PASSWORD)
    customer.save()
    browser = Client(enforce_csrf_checks=True, headers={"Accept": "text/html"})
    root = browser.get("/api/").content.decode()
    login = re.search(r"href='([^']*login[^']*)'", root)[1].replace("&amp;", "&")
    form = Forms(browser.get(login).content.decode()).with_field("password")
    sent = form["fields"] | {"username": customer.username, "password": PASSWORD}
    back = browser.post(login, sent)
    assert (back.status_code, back["Location"]) == (302, "/api/")
    return browser


@pytest.fixture
def kitchen():
    kitchen = a_restaurant()
    a_menu_item(kitchen)
    return kitchen


def fill_in(form, body):
    (line,) = body["items"]
    return form["fields"] | {
        "restaurant_id": body["restaurant_id"],
        "delivery_location": body["delivery_location"],
        "items[0]menu_item_id": line["menu_item_id"],
        "items[0]quantity": line["quantity"],
    }


def the_form(browser):
    page = browser.get("/api/orders").content.decode()
    return Forms(page).with_field("restaurant_id")


def test_the_root_lists_what_there_is(browser):
    page = browser.get("/api/").content.decode()
    for path in ("restaurants", "orders", "sagas", "payments", "escrow", "events", "docs"):
        assert f'href="http://testserver/api/{path}"' in page


def test_an_order_is_placed_by_filling_in_the_form(browser, kitchen):
    form = the_form(browser)
    assert (form["method"], form["action"]) == ("POST", "/api/orders")
    sent = fill_in(form, order_body(kitchen, quantity=2))
    placed = browser.post(form["action"], sent)
    assert (placed.status_code, placed["Content-Type"]) == (202, "text/html; charset=utf-8")
    order = Order.objects.get()
    assert str(order.id) in placed.content.decode()
    assert [item.quantity for item in order.items.all()] == [2]
    again = browser.post(form["action"], sent)
    assert again["Idempotent-Replayed"] == "true"
    assert Order.objects.count() == 1


def test_the_form_of_another_page_is_another_order(browser, kitchen):
    for _ in range(2):
        form = the_form(browser)
        browser.post(form["action"], fill_in(form, order_body(kitchen)))
    assert Order.objects.count() == 2


def test_what_was_filled_in_wrong_is_shown_again_with_what_is_wrong(browser, kitchen):
    form = the_form(browser)
    sent = fill_in(form, order_body(kitchen, quantity=99))
    refused = browser.post(form["action"], sent)
    page = refused.content.decode()
    assert refused.status_code == 422
    again = Forms(page).with_field("restaurant_id")["fields"]
    changed = {name for name, value in sent.items() if again.get(name, "") != str(value)}
    assert changed <= {"csrfmiddlewaretoken", "_idempotency_key"}
    assert again["items[0]quantity"] == "99"
    assert "less than or equal to 20" in page
    mended = browser.post(form["action"], sent | {"items[0]quantity": 20})
    assert mended.status_code == 202


def test_a_form_from_elsewhere_is_refused(browser, kitchen):
    form = the_form(browser)
    sent = fill_in(form, order_body(kitchen))
    del sent["csrfmiddlewaretoken"]
    assert browser.post(form["action"], sent).status_code == 403
    assert Order.objects.count() == 0


def test_the_raw_data_form_sends_the_pages_key_by_script(browser, kitchen):
    """What the page's two scripts do: csrf.js and idempotency.js each add a header."""
    page = browser.get("/api/orders").content.decode()
    key = re.search(r'<meta name="idempotency-key" content="([^"]+)">', page)[1]
    token = json.loads(re.search(r'id="drf_csrf">(.*?)</script>', page, re.DOTALL)[1])
    script = re.search(r'src="([^"]+idempotency[^"]*)"', page)[1]
    source = b"".join(browser.get(script).streaming_content).decode()
    assert "Idempotency-Key" in source
    assert "meta[name=idempotency-key]" in source
    headers = {"Idempotency-Key": key, token["csrfHeaderName"]: token["csrfToken"]}
    placed = browser.post("/api/orders", order_body(kitchen), "application/json", headers=headers)
    assert placed.status_code == 202
    assert Order.objects.count() == 1


@pytest.mark.parametrize("items", [7, "ramen", {"a": 1}, [[]], None])
def test_nonsense_in_the_raw_data_is_shown_again_as_well(browser, kitchen, items):
    page = browser.get("/api/orders").content.decode()
    token = json.loads(re.search(r'id="drf_csrf">(.*?)</script>', page, re.DOTALL)[1])
    headers = {"Idempotency-Key": new_id().hex, token["csrfHeaderName"]: token["csrfToken"]}
    body = order_body(kitchen) | {"items": items}
    refused = browser.post("/api/orders", body, "application/json", headers=headers)
    assert refused.status_code == 422
    assert "validation_failed" in refused.content.decode()
