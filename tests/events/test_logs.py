"""Whoever pays with whichever card: no card number is in what web, worker and relay write down."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
from rest_framework_simplejwt.tokens import AccessToken

from campusg.ids import new_id
from devstack.stripe_sandbox.cards import WELL_KNOWN
from orders.models import Order
from orders.states import OrderStatus
from tests.api.test_cards import is_valid
from tests.conftest import Worker, eventually
from tests.events.conftest import RelayProcess, Topic
from tests.live.conftest import servers
from tests.makers import make_customer, make_restaurant, order_body
from tests.server import Server
from users.models import User

__all__ = ["servers"]

pytestmark = pytest.mark.events
#: How far an order comes with a card.
ENDS = {
    "pm_card_visa": OrderStatus.CREATED,
    "pm_card_chargeCustomerFail": OrderStatus.CANCELLED,
    "pm_card_authenticationRequired": OrderStatus.AWAITING_PAYMENT,
}
#: Typed where none belongs: into the app, and into its login.
TYPED = WELL_KNOWN["pm_card_visa"].number


def card_numbers(text: str) -> list[str]:
    """What looks like one, in groups or not, and passes the check; and every test card's own."""
    runs = re.findall(r"(?<![\w-])[3-6]\d(?:[ -]?\d){11,17}(?![\w-])", text)
    looks = [run for run in runs if is_valid(re.sub(r"\D", "", run))]
    joined = re.sub(r"[ -]", "", text)
    return looks + [card.number for card in WELL_KNOWN.values() if card.number in joined]


def asked(server: Server, method: str, path: str, who: User, body: Any) -> requests.Response:
    headers = {
        "Authorization": f"Bearer {AccessToken.for_user(who)}",
        "Idempotency-Key": new_id().hex,
    }
    given = {"data": body} if isinstance(body, str) else {"json": body}
    if isinstance(body, str):
        headers["Content-Type"] = "application/json"
    return requests.request(method, f"{server.url}{path}", headers=headers, timeout=30, **given)


def test_no_log_of_a_story_with_cards_has_a_card_number(
    worker: Worker,
    servers: Callable[..., Server],
    relay_process: Callable[[], RelayProcess],
    topic: Topic,
) -> None:
    server, relay = servers(), relay_process()
    restaurant = make_restaurant()
    for card, end in ENDS.items():
        customer = make_customer(card)
        placed = asked(server, "POST", "/api/orders", customer, order_body(restaurant))
        ended = Order.objects.filter(pk=placed.json()["order"]["id"], status=end)
        eventually(ended.exists)
        saved = f"/api/users/{customer.id}/payment-method"
        for body in ({"payment_method": TYPED}, {"card": TYPED}, f'{{"payment_method": {TYPED}'):
            assert asked(server, "PUT", saved, customer, body).status_code in (400, 422)
    login = {"username": TYPED, "password": TYPED}
    assert requests.post(f"{server.url}/api/token", json=login, timeout=30).status_code == 401
    topic.until(lambda read: len(read) >= 3)
    for log in (server.log, worker.log, relay.log):
        assert log.stat().st_size
        assert card_numbers(log.read_text()) == [], log


@pytest.mark.parametrize(
    "text", [TYPED, "paid by 4242 4242 4242 4242.", "378282246310005", f"x{TYPED}"]
)
def test_the_look_finds_a_card_number(text: str) -> None:
    assert card_numbers(text)
    assert not card_numbers("4242424242424241 4242-9af4-4242-8242-424242424242 1763789592123456")
