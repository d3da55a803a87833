"""Webhooks whole: the sandbox posts them, signed, to a server of ours, a worker follows them."""

from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
import requests
from django.conf import settings
from django.core.management import call_command

from devstack.state import free_port
from orders.errors import RestaurantUnpaid
from orders.states import OrderStatus
from payments.gateway import client
from payments.models import Payment, PaymentStatus
from payments.stripe_events import EventState, Source, StripeEvent
from sagas.models import RunStatus
from tests.conftest import eventually
from tests.makers import change_account, make_customer
from tests.payments.webhooks import events_of
from tests.sagas.lunch import FOOD, Lunch
from tests.sagas.placed import Placed
from tests.server import Server
from users.models import PayoutAccount, Transfers

pytestmark = pytest.mark.story


@pytest.fixture
def site(committed_db: None) -> Iterator[Callable[..., Server]]:
    """Starts the site, always at the same address, in place of one that runs already. Stripe tries
    again within seconds what it does not take."""
    port, running = free_port(), list[Server]()

    def start(**environment: str) -> Server:
        if running:
            running.pop().stop()
        running.append(Server(port, **environment).answers())
        return running[0]

    try:
        set_sandbox(webhook_retry_scale=0.001)
        yield start
    finally:
        set_sandbox(webhook_retry_scale=1.0)
        endpoints = client().v1.webhook_endpoints
        for one in endpoints.list().data:
            if f":{port}/" in one.url:
                endpoints.delete(one.id)
        for server in running:
            server.stop()


def set_sandbox(**changes: Any) -> None:
    url = f"{settings.STRIPE_API_BASE}/_sandbox/settings"
    requests.put(url, json=changes, timeout=10).raise_for_status()


def registered(server: Server) -> dict[str, str]:
    """The settings that `manage.py webhooks register` tells us to make."""
    said = StringIO()
    call_command("webhooks", "register", server.url, stdout=said)
    return dict(line.split("=") for line in said.getvalue().splitlines())


def deliveries(server: Server, order: Placed) -> list[dict[str, Any]]:
    """Of the events about its payment, those that the sandbox delivers here, and how that went."""
    reply = requests.get(f"{settings.STRIPE_API_BASE}/_sandbox/deliveries", timeout=10)
    events = {event["id"] for event in events_of(order.payment.payment_intent)}
    here = [one for one in reply.json()["data"] if str(one["url"]).startswith(server.url)]
    return [one for one in here if one["event"] in events]


def told_of(order: Placed) -> list[StripeEvent]:
    """The webhooks about its payment that we have taken."""
    taken = StripeEvent.objects.filter(source=Source.WEBHOOK)
    return list(taken.filter(payment_intent=order.payment.payment_intent))


def test_what_we_refuse_for_want_of_the_secret_is_sent_again_until_we_know_it(
    site: Callable[..., Server], place: Callable[..., Placed]
) -> None:
    server = site()
    secrets = registered(server)
    order = place().rests()
    assert order.order.status == OrderStatus.CREATED

    def tried_again() -> list[dict[str, Any]]:
        """And not just being tried once more."""
        here = deliveries(server, order)
        return [one for one in here if one["attempts"] > 1 and one["state"] != "sending"]

    (refused,) = eventually(tried_again)
    assert (refused["state"], refused["status"]) == ("pending", 400)
    assert told_of(order) == []

    site(**secrets)
    eventually(lambda: [one["state"] for one in deliveries(server, order)] == ["delivered"])
    eventually(lambda: [one.state for one in told_of(order)] == [EventState.DONE])
    (followed,) = told_of(order)
    assert followed.pk == refused["event"]
    assert (followed.type, followed.note) == (
        "payment_intent.amount_capturable_updated",
        "known already",
    )


@pytest.mark.fault(11)
def test_webhooks_tell_of_a_hold_before_its_reply_and_of_who_may_be_paid(
    site: Callable[..., Server], lunch: Callable[..., Lunch], place: Callable[..., Placed]
) -> None:
    site(**registered(site()))
    early = place(kind="latency", seconds=5)
    held = Payment.objects.filter(order_id=early.id, status=PaymentStatus.AUTHORIZED)
    eventually(held.exists)
    # The reply is still on its way.
    eventually(lambda: [one.state for one in told_of(early)] == [EventState.DONE])
    assert told_of(early)[0].note.endswith(":authorize:1 succeeded")
    assert early.rests().order.status == OrderStatus.CREATED
    assert (early.intents(), early.held()) == (1, [1772])

    order = lunch().bring()
    account = PayoutAccount.objects.get(user=order.owner)

    def stands(transfers: Transfers) -> bool:
        account.refresh_from_db()
        return account.transfers == transfers

    change_account(order.owner, transfers="inactive")
    eventually(lambda: stands(Transfers.INACTIVE))
    order.ends(order.complete())
    eventually(lambda: order.pay_out("restaurant").status == RunStatus.WAITING)
    with pytest.raises(RestaurantUnpaid):
        Placed(make_customer(), order.restaurant)
    change_account(order.owner, transfers="active")
    assert order.settles().paid()["restaurant"] == FOOD
    assert stands(Transfers.ACTIVE)
    assert Placed(make_customer(), order.restaurant).rests().order.status == OrderStatus.CREATED
