"""The page at `/` shows what is here and lets a person do what tests do."""

import json
import urllib.parse
import urllib.request
from typing import Any

import pytest
import stripe

from tests.stripe_sandbox.money import sell
from tests.stripe_sandbox.running import ONE_HOLD, RunningSandbox


def look(sandbox: RunningSandbox, query: str = "") -> str:
    with urllib.request.urlopen(f"{sandbox.url}/?{query}", timeout=5) as page:
        return page.read().decode()


def press(sandbox: RunningSandbox, path: str, method: str = "POST", **wanted: Any) -> str:
    """The page after a button was pressed, as its form posts it."""
    form = {"path": f"/_sandbox/{path}", "method": method, "body": json.dumps(wanted)}
    data = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{sandbox.url}/", data, timeout=5) as page:
        return page.read().decode()


def test_the_newest_objects_are_listed_and_lead_to_each_other(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sale = sell(client)
    all_of_them = look(sandbox)
    assert f"id={sale.id}" in all_of_them
    assert all_of_them.index(str(sale.latest_charge)) < all_of_them.index(f"id={sale.id}")
    assert "<script" not in all_of_them
    assert "src=" not in all_of_them
    only = look(sandbox, "type=charge")
    assert f"id={sale.latest_charge}" in only
    assert f"id={sale.id}" not in only.split("<h2>Objects")[1]
    one = look(sandbox, f"id={sale.id}")
    assert f"<a href='/?id={sale.latest_charge}'>" in one
    assert "payment_intent.succeeded" in one
    assert "There is no such object" in look(sandbox, "id=pi_nobody")


def test_what_objects_carry_cannot_write_the_page(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    customer = client.v1.customers.create({"description": "<script>alert(1)</script>"})
    assert "<script" not in look(sandbox, f"id={customer.id}")
    assert "<script" not in look(sandbox, "type=%3Cscript%3E")


def test_a_person_lapses_a_hold(sandbox: RunningSandbox, client: stripe.StripeClient) -> None:
    held = client.v1.payment_intents.create(ONE_HOLD)
    assert "Let the hold lapse" in look(sandbox, f"id={held.id}")
    assert "canceled" in press(sandbox, f"lapse/{held.id}")
    assert client.v1.payment_intents.retrieve(held.id).status == "canceled"
    assert "Let the hold lapse" not in look(sandbox, f"id={held.id}")


def test_a_person_adds_and_removes_faults(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    page = press(sandbox, "faults", kind="error_500", times=3)
    (fault,) = sandbox.control("GET", "faults")["data"]
    assert f"/_sandbox/faults/{fault['id']}" in page
    with pytest.raises(stripe.APIError):
        client.v1.customers.create({})
    press(sandbox, f"faults/{fault['id']}", "DELETE")
    assert sandbox.control("GET", "faults")["data"] == []
    assert "kind must be one of" in press(sandbox, "faults", kind="rain")


def test_a_person_moves_the_clock(sandbox: RunningSandbox) -> None:
    press(sandbox, "settings", "PUT", clock_offset_seconds=86_400)
    assert sandbox.control("GET", "settings")["clock_offset_seconds"] == 86_400
