"""An order's stream: everything once, in order, to whoever may see it, for as long as they may."""

import time
from collections.abc import Callable
from importlib import import_module

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connection

from events import services as events
from orders import services as orders
from orders.models import Order
from tests.conftest import eventually
from tests.factories import a_customer, a_person, an_order
from tests.live.conftest import Following
from tests.server import Server
from users.models import Role, User

pytestmark = pytest.mark.story

Follow = Callable[..., Following]


def path(order: Order) -> str:
    return f"/api/orders/{order.id}/stream"


def types(told: list) -> list[str]:
    return [event.event for event in told]


@pytest.fixture
def order(committed_db: None) -> Order:
    return an_order()


@pytest.fixture
def following(server: Server, follow: Follow, order: Order) -> Following:
    return follow(server, path(order), order.customer)


def test_what_happened_is_told_first_and_then_what_happens(following: Following, order: Order):
    assert following.response.headers["Content-Type"] == "text/event-stream"
    first = following.next()
    assert (first.id, first.event) == ("1", "order.pending_payment")
    orders.mark_created(order_id=order.id)
    second = following.next()
    assert (second.id, second.event) == ("2", "order.created")
    assert second.data["data"] == {"status": "CREATED", "runner_id": None}


def test_the_end_is_told_and_who_comes_back_is_told_never_to_again(
    server: Server, follow: Follow, following: Following, order: Order
):
    orders.cancel(order_id=order.id, reason="changed my mind")
    told = following.rest()
    assert types(told) == ["order.pending_payment", "order.cancelled", "end"]
    again = follow(server, path(order), order.customer, last=told[-2].id)
    assert (again.status, again.response.read()) == (204, b"")


@pytest.mark.parametrize("how", ["header", "query", "both"])
def test_only_what_came_after_the_last_id_is_told_again(
    server: Server, follow: Follow, order: Order, how: str
):
    orders.mark_created(order_id=order.id)
    query = {"header": "", "query": "?last_event_id=1", "both": "?last_event_id=0"}[how]
    last = "" if how == "query" else "1"
    following = follow(server, path(order) + query, order.customer, last=last)
    assert following.next().id == "2"


def test_an_id_that_is_not_ours_begins_at_the_beginning(
    server: Server, follow: Follow, order: Order
):
    for strange in ("x", "-1", "1" * 40, "²"):
        headers = {"Last-Event-ID": strange.encode("utf-8").decode("latin-1")}
        following = follow(server, path(order), order.customer, headers=headers)
        assert following.next().id == "1"


def test_who_may_not_see_the_order_may_not_follow_it(server: Server, follow: Follow, order: Order):
    for user, status, code in ((None, 401, "not_authenticated"), (a_customer(), 404, "not_found")):
        refused = follow(server, path(order), user)
        assert (refused.status, refused.problem()["code"]) == (status, code)


def test_operators_are_told_what_was_recorded_and_others_what_became_of_the_order(
    server: Server, follow: Follow, order: Order
):
    ops = a_person(Role.OPS)
    orders.override_pin(order_id=order.id, by_user_id=ops.id, reason="rang the customer")
    told = {}
    for user in (ops, order.customer):
        following = follow(server, path(order), user)
        told[user] = following.until("order.pin_overridden")[-1].data["data"]
    assert told[ops]["by_user_id"] == str(ops.id)
    assert told[order.customer] == {"status": "PENDING", "runner_id": None}


def test_a_quiet_stream_says_that_it_is_there(following: Following, order: Order):
    following.next()
    eventually(lambda: following.response.readline() == b": here\n")


def deactivated(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def without_roles(user: User) -> None:
    User.objects.filter(pk=user.pk).update(roles=[])


@pytest.mark.parametrize("change", [deactivated, without_roles])
def test_who_may_no_longer_see_the_order_is_told_no_more(
    server: Server,
    follow: Follow,
    following: Following,
    order: Order,
    change: Callable[[User], None],
):
    following.next()
    change(order.customer)
    assert following.rest() == [], "no `end`: the order goes on"
    again = follow(server, path(order), order.customer, last="1")
    assert again.status == (401 if change is deactivated else 404)


def test_a_session_follows_until_it_is_signed_out(server: Server, follow: Follow, order: Order):
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(order.customer.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = order.customer.get_session_auth_hash()
    session.create()
    cookie = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}"}
    following = follow(server, path(order), headers=cookie)
    assert following.next().id == "1"
    session.flush()
    assert following.rest() == []


def test_an_account_and_a_process_keep_so_many_streams_and_no_more(
    servers: Callable[..., Server], follow: Follow, order: Order
):
    server = servers(STREAMS_PER_ACCOUNT="1", STREAMS_PER_PROCESS="2")
    other = an_order()
    open_ = [follow(server, path(one), one.customer) for one in (order, other)]
    assert [one.status for one in open_] == [200, 200]
    for user, status, code in (
        (order.customer, 429, "too_many_streams"),
        (a_person(Role.OPS), 503, "no_place_left"),
    ):
        refused = follow(server, path(order), user)
        assert (refused.status, refused.problem()["code"]) == (status, code)
        assert int(refused.response.headers["Retry-After"]) > 0
    open_[0].close()

    def has_room() -> bool:
        one = follow(server, path(order), order.customer)
        one.close()
        return one.status == 200

    eventually(has_room)


def test_a_hint_that_was_lost_costs_one_poll(
    servers: Callable[..., Server], follow: Follow, order: Order, monkeypatch: pytest.MonkeyPatch
):
    server = servers(STREAM_POLL_SECONDS="0.3")
    following = follow(server, path(order), order.customer)
    following.next()
    monkeypatch.setattr(events, "tell", lambda channel, key: None)
    orders.mark_created(order_id=order.id)
    assert following.next().event == "order.created"


def listeners() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'campusg live'"
            " AND datname = current_database()"
        )
        return [pid for (pid,) in cursor.fetchall()]


def test_one_listener_serves_all_and_a_lost_one_is_replaced(
    server: Server, follow: Follow, following: Following, order: Order
):
    following.next()
    others = [follow(server, path(order), order.customer) for _ in range(5)]
    (listener,) = eventually(listeners)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [listener])
    # Told while nobody listens: coming back, the process looks for itself.
    orders.mark_created(order_id=order.id)
    for one in (following, *others):
        one.until("order.created")
    (another,) = eventually(lambda: [pid for pid in listeners() if pid != listener])
    assert another != listener


def test_a_server_that_is_told_to_stop_ends_its_streams_and_they_go_on_elsewhere(
    servers: Callable[..., Server], follow: Follow, order: Order
):
    first, second = servers(), servers()
    following = follow(first, path(order), order.customer)
    last = following.next().id
    first.process.terminate()
    told = time.monotonic()
    assert following.rest() == []
    assert time.monotonic() - told < 8, "not when the server, after 10 s, waits no longer"
    first.stop()
    orders.mark_created(order_id=order.id)
    again = follow(second, path(order), order.customer, last=last)
    assert types([again.next()]) == ["order.created"]
