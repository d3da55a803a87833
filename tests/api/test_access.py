"""Who may do what: every route × every role × one's own and somebody else's."""

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from rest_framework.views import APIView

from orders import services as orders
from orders.models import Order
from tests.api.conftest import Client, problem
from tests.api.world import World, a_world
from tests.factories import a_menu_item
from tests.makers import order_body

pytestmark = pytest.mark.django_db

PEOPLE = (
    "nobody", "customer", "other customer", "runner", "other runner", "kitchen", "other kitchen",
    "ops", "service",
)  # fmt: skip

# One column a person, in the order of PEOPLE. For lists: + sees the row, - gets a list without it.
TABLE = """
route           method  nobody customer other  runner other  kitchen other  ops  service
api-root        GET     200    200      200    200    200    200     200    200  200
schema          GET     200    200      200    200    200    200     200    200  200
docs            GET     200    200      200    200    200    200     200    200  200
token           POST    422    422      422    422    422    422     422    422  422
token-refresh   POST    422    422      422    422    422    422     422    422  422
orders          GET     401    +        -      +      -      +       -      +    +
orders          POST    401    202      202    403    403    403     403    403  403
open-orders     GET     401    403      403    +      +      403     403    +    +
history         GET     401    +        -      +      -      -       -      -    -
order           GET     401    200      404    200    404    200     404    200  200
order-stream    GET     401    200      404    200    404    200     404    200  200
pin             GET     401    200      404    403    403    403     403    403  403
accept          POST    401    403      403    200    200    403     403    403  403
release         POST    401    403      403    200    404    403     403    403  403
progress        PUT     401    403      403    200    404    403     403    403  403
complete        POST    401    403      403    202    404    403     403    202  403
cancel          POST    401    202      404    409    404    403     403    202  202
refund          POST    401    403      403    403    403    403     403    409  403
settle          POST    401    403      403    403    403    403     403    202  403
rate            POST    401    201      404    201    404    403     403    403  403
restaurants     GET     401    +        +      +      +      +       +      +    +
restaurant      GET     401    200      200    200    200    200     200    200  200
sagas           GET     401    +        -      +      -      +       -      +    +
saga            GET     401    200      404    200    404    200     404    200  200
saga-stream     GET     401    200      404    200    404    200     404    200  200
cancel-saga     POST    401    202      404    403    403    403     403    202  202
payments        GET     401    +        -      -      -      -       -      +    +
payment         GET     401    200      404    404    404    404     404    200  200
escrow          GET     401    +        -      -      -      -       -      +    +
notifications   GET     401    +        -      -      -      -       -      -    -
read-notification POST  401    200      404    404    404    404     404    404  404
read-all-notifications POST 401 200     200    200    200    200     200    200  200
order-notifications GET 401    200      404    200    404    200     404    200  200
latest-notification GET 401    200      404    200    404    200     404    200  200
hold            GET     401    200      404    404    404    404     404    200  200
authorize-payment POST  401    403      403    403    403    403     403    202  202
release-payment POST    401    403      403    403    403    403     403    202  202
capture-payment POST    401    403      403    403    403    403     403    202  202
repaid          POST    401    403      403    403    403    403     403    409  403
disputed        POST    401    403      403    403    403    403     403    409  403
approvals       POST    401    403      403    403    403    403     403    201  403
hold-escrow     POST    401    403      403    403    403    403     403    409  409
release-escrow  POST    401    403      403    403    403    403     403    409  409
cancel-escrow   POST    401    403      403    403    403    403     403    200  200
events          GET     401    +        -      +      -      +       -      +    +
cancel-event    POST    401    403      403    403    403    403     403    200  200
schedule        POST    401    403      403    403    403    403     403    201  201
user            GET     401    200      404    404    404    404     404    200  404
payment-method  GET     401    200      404    404    404    404     404    200  404
payment-method  PUT     401    422      404    403    403    403     403    403  403
payment-method  DELETE  401    ?        404    403    403    403     403    403  403
card-setup      POST    401    ?        404    403    403    403     403    403  403
payout-account  GET     401    200      404    404    404    404     404    200  404
stripe-webhook  POST    400    400      400    400    400    400     400    400  400
stripe-connect-webhook POST 400 400      400    400    400    400     400    400  400
order-payment   GET     401    200      404    403    403    403     403    403  403
onboarding-link POST    401    403      403    422    404    404     404    422  403
payout-account  PUT     401    403      403    403    403    403     403    200  403
"""
#: Which row a list is about.
ROW = {"orders": "order", "restaurants": "restaurant", "sagas": "saga", "payments": "payment",
       "escrow": "hold", "events": "due event", "open-orders": "accept",
       "history": "rate", "notifications": "read-notification"}  # fmt: skip


def by_hand(which):
    return lambda world, who: {"order_id": str(world.ids[which]), "reason": "it was parked"}


#: What is sent; others send nothing.
BODIES = {
    "progress": {"status": "PLACED"},
    "complete": lambda world, who: (
        {"reason": "the customer rang us"} if who == "ops" else {"pin": pin_of(world)}
    ),
    "cancel": {"reason": "changed my mind"},
    "refund": {"reason": "it was cold"},
    "settle": {"paid_by": "card", "reason": "they rang us"},
    "rate": {"stars": 5},
    **dict.fromkeys(
        ("authorize-payment", "release-payment", "hold-escrow", "cancel-escrow"), by_hand("begun")
    ),
    **dict.fromkeys(("capture-payment", "release-escrow", "repaid"), by_hand("complete")),
    "disputed": lambda world, who: by_hand("complete")(world, who) | {"payees": "paid"},
    "approvals": lambda world, who: by_hand("complete")(world, who) | {"move": "capture_payment"},
    "schedule": lambda world, who: {
        "event_type": "ESCROW_TIMEOUT",
        "entity_id": str(world.order.id),
        "due_at": "2026-11-30T12:00:00Z",
    },
    "cancel-saga": {"reason": "changed my mind"},
    "payout-account": {"stripe_account_id": "acct_1"},
}
ROUTES = [line.split() for line in TABLE.strip().splitlines()[1:]]


def routes(patterns: list, prefix: str = "") -> list[tuple[str, str]]:
    """Every (name, method) of an API view below /api/, out of the URLconf itself."""
    found = []
    for one in patterns:
        at = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            found += routes(one.url_patterns, at)
        elif isinstance(one, URLPattern) and at.startswith("api/"):
            view: type[APIView] = one.callback.cls
            methods = [m.upper() for m in view.http_method_names if hasattr(view, m)]
            found += [(one.name or at, m) for m in methods if m not in ("OPTIONS", "HEAD")]
    return found


def test_every_route_stands_in_the_table():
    assert sorted(routes(get_resolver().url_patterns)) == sorted((r, m) for r, m, *_ in ROUTES)


@pytest.fixture
def world() -> World:
    return a_world()


@pytest.mark.parametrize(("route", "method", "answers"), [(r, m, a) for r, m, *a in ROUTES])
def test_each_sees_and_does_what_is_theirs(world, route, method, answers):
    url = reverse(route, args=[world.ids[route]] if route in world.ids else [])
    for who, expected in zip(PEOPLE, answers, strict=True):
        if expected == "?":  # asks Stripe, which no transaction may, and this test is one
            continue
        # Taken back, so that everybody meets the same world.
        before = transaction.savepoint()
        response = asked(world, route, method, url, who)
        transaction.savepoint_rollback(before)
        if expected in "+-":
            assert response.status_code == 200, who
            seen = [row["id"] for row in response.json()["results"]]
            assert (str(world.ids[ROW[route]]) in seen) == (expected == "+"), who
        else:
            assert str(response.status_code) == expected, (who, response.content)


def pin_of(world):
    customer = world.people["customer"]
    return orders.pin_of(order_id=world.ids["complete"], customer_id=customer.id)


def asked(world, route, method, url, who):
    client = Client(world.people[who])
    if method == "GET":
        return client.get(url)
    if route == "orders":
        a_menu_item(world.order.restaurant)
        return client.order(order_body(world.order.restaurant))
    body = BODIES.get(route, {})
    body = body(world, who) if callable(body) else body
    return client.send(method, url, body)


def test_a_foreign_order_looks_like_one_that_is_not_there(world):
    client = Client(world.people["other customer"])
    foreign = problem(client.get(f"/api/orders/{world.order.id}"), 404, "not_found")
    absent = client.get("/api/orders/01890000-0000-7000-8000-000000000000")
    assert foreign["detail"] == problem(absent, 404, "not_found")["detail"]


def test_only_operators_see_facts_and_the_ids_of_stripe(world):
    for who, expected in (("customer", False), ("ops", True), ("service", True)):
        client = Client(world.people[who])
        run = client.get(f"/api/sagas/{world.ids['saga']}").json()
        payment = client.get(f"/api/payments/{world.ids['payment']}").json()
        assert ("facts" in run, "payment_intent" in payment) == (expected, expected)
    shown = client.get(f"/api/users/{world.ids['user']}")
    assert "cus_" not in shown.content.decode()


def test_a_person_sees_their_card_and_no_secret(world):
    customer = world.people["customer"]
    shown = Client(customer).get(f"/api/users/{customer.id}").json()
    assert shown == {
        "id": str(customer.id),
        "username": customer.username,
        "roles": ["customer"],
        "saved_card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2040},
    }


def test_a_superuser_without_a_role_looks_but_does_not_order(world):
    boss = world.people["other kitchen"]
    boss.is_superuser = True
    assert Client(boss).get(f"/api/orders/{world.order.id}").status_code == 200
    before = Order.objects.count()
    refused = Client(boss).order(order_body(world.order.restaurant))
    assert "customer" in problem(refused, 403, "permission_denied")["detail"]
    assert Order.objects.count() == before
