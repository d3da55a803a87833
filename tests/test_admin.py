"""Operators see everything, in words and in money, and can't edit what only services may write."""

from importlib import import_module
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from campusg.api.models import IdempotencyKey
from campusg.consumers import notifications as consumer
from campusg.ids import new_id
from escrow import services as escrow
from escrow.models import Account, Entry, Hold, Journal
from events.inbox import handle
from events.models import InboxEvent, OutboxEvent, Stream
from notifications.models import Delivery, DeliveryState, Notification
from orders.models import HandOver, MenuItem, Order, OrderItem, Rating, Restaurant
from payments.models import Operation, Payment, StripeEvent, StripeLine
from payments.stripe_events import EventState
from sagas import operating
from sagas.create_order import create_order
from sagas.models import Action, PausedSaga, Run, RunStatus, StepLog, StepState, Worker
from scheduler.models import ScheduledEvent
from tests.factories import a_menu_item, a_person, a_restaurant
from tests.notifications.events import an_event
from tests.sagas.orders_at_rest import a_cancelled_order, a_created_order, log
from users.models import PayoutAccount, Role, SavedCard, User

GUARDED = (
    Order, Payment, Operation, Account, Journal, Entry, Hold, ScheduledEvent, OutboxEvent, Stream,
    Run, Action, PausedSaga, Worker, IdempotencyKey, InboxEvent, Notification, Delivery,
    StripeEvent, StripeLine,
)  # fmt: skip
EDITED = (User, Restaurant, MenuItem)
#: Shown on the page of what they belong to.
INLINE = (OrderItem, HandOver, Rating, SavedCard, PayoutAccount, StepLog)


@pytest.fixture
def superuser(db: None) -> Client:
    return _signed_in(is_superuser=True)


@pytest.fixture
def ops(db: None) -> Client:
    return _signed_in(group="ops")


@pytest.fixture(params=["superuser", "ops"])
def operator(request: pytest.FixtureRequest) -> Client:
    client: Client = request.getfixturevalue(request.param)
    return client


def _signed_in(*, is_superuser: bool = False, group: str | None = None) -> Client:
    person = a_person(Role.OPS)
    person.is_staff, person.is_superuser = True, is_superuser
    person.save()
    if group:
        person.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(person)
    return client


def listed(model: type[Model], **filters: object) -> str:
    options = model._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    return f"{url}?{urlencode(filters)}" if filters else url


def page_of(row: Model, action: str = "change") -> str:
    options = row._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_{action}", args=[quote(row.pk)])


def read(client: Client, url: str) -> str:
    reply = client.get(url)
    assert reply.status_code == 200, url
    return reply.content.decode()


def some_rows() -> Order:
    """At least one row of every model."""
    order = a_created_order()
    IdempotencyKey.objects.create(
        user=order.customer, route="POST /api/orders", key="k", status_code=202, body={}
    )
    Worker.objects.create(name="celery@kitchen (7)", queues=["local"])
    operating.pause_saga("pay_out", reason="the bank is closed", actor="ines")
    handle(consumer, an_event("order.created", order.id))
    StripeEvent.objects.create(
        id=f"evt_{new_id().hex}", type="payment_intent.succeeded", object_type="payment_intent",
        order_id=order.pk, state=EventState.DEAD, created_at=timezone.now(), note="in vain",
    )  # fmt: skip
    StripeLine.objects.get_or_create(id=1)
    return order


def test_every_model_has_a_page_or_stands_on_another_s() -> None:
    labels = (
        "users", "orders", "payments", "escrow", "scheduler", "events", "sagas", "notifications",
        "api",
    )  # fmt: skip
    ours = {model for label in labels for model in apps.get_app_config(label).get_models()}
    assert ours == {*GUARDED, *EDITED, *INLINE}
    assert {model for model in ours if admin.site.is_registered(model)} == {*GUARDED, *EDITED}


@pytest.mark.parametrize("model", [*GUARDED, *EDITED], ids=lambda m: m._meta.label)
def test_every_list_and_every_page_opens(operator: Client, model: type[Model]) -> None:
    some_rows()
    row = model._default_manager.order_by("-pk")[0]
    assert "CampusG" in read(operator, listed(model))
    read(operator, page_of(row))
    read(operator, listed(model, q="zzz"))
    read(operator, listed(model, q=str(row.pk)))


@pytest.mark.parametrize("model", GUARDED, ids=lambda m: m._meta.label)
def test_what_services_write_is_read_only_even_for_a_superuser(
    superuser: Client, model: type[Model]
) -> None:
    some_rows()
    row = model._default_manager.order_by("-pk")[0]
    add = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
    assert superuser.post(add).status_code == 403
    assert superuser.post(page_of(row), {}).status_code == 403
    assert superuser.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
    assert 'name="_save"' not in read(superuser, page_of(row))
    body = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    superuser.post(listed(model), body)
    assert model._default_manager.filter(pk=row.pk).exists()


def test_longer_lists_take_no_more_queries(superuser: Client) -> None:
    def queries(model: type[Model]) -> int:
        with CaptureQueriesContext(connection) as captured:
            read(superuser, listed(model))
        return len(captured)

    some_rows()
    read(superuser, listed(Order))
    few = {model: queries(model) for model in (*GUARDED, *EDITED)}
    for _ in range(3):
        a_created_order()
        a_cancelled_order()
    assert {model: queries(model) for model in few} == few


def test_money_reads_as_people_write_it_and_a_status_is_a_word_on_a_colour(
    superuser: Client,
) -> None:
    order = a_created_order()
    page = read(superuser, listed(Order, id=order.id))
    assert "17.72 USD" in page
    assert '<span class="badge badge-busy">CREATED</span>' in page
    assert "12.50 USD" in read(superuser, page_of(order))
    assert "17.72 USD" in read(superuser, listed(Hold, order_id=order.id))
    assert "17.72 USD" in read(superuser, listed(Account, order_id=order.id))


def test_the_rows_of_one_order_link_to_each_other(superuser: Client) -> None:
    order = a_created_order()
    a_created_order()
    payment = Payment.objects.get(order_id=order.id)
    timeout = ScheduledEvent.objects.get(entity_id=order.id)
    hold = Hold.objects.get(order_id=order.id)
    run = Run.objects.get(key=str(order.id))
    lists = [
        (listed(Payment, order_id=order.id), payment),
        (listed(Hold, order_id=order.id), hold),
        (listed(ScheduledEvent, entity_id=order.id), timeout),
        (listed(Run, key__startswith=order.id), run),
    ]
    for row in (order, payment, hold, timeout, run):
        page = read(superuser, page_of(row))
        assert f'href="{page_of(order)}"' in page
        for url, _ in lists:
            assert f'href="{url}"' in page, (row, url)
    for url, row in lists:
        results = superuser.get(url).context["cl"].result_list
        assert [found.pk for found in results] == [row.pk]


def test_a_whole_id_finds_its_row_and_a_fragment_of_nothing_finds_none(superuser: Client) -> None:
    order = a_created_order()
    found = superuser.get(listed(Run, q=str(order.id))).context["cl"].result_list
    assert [run.key for run in found] == [str(order.id)]
    found = superuser.get(listed(Order, q=f" {order.customer_id} ")).context["cl"].result_list
    assert [one.pk for one in found] == [order.pk]


def test_a_run_s_page_tells_its_story(superuser: Client) -> None:
    order = a_cancelled_order(error="the campus is full")
    page = read(superuser, page_of(Run.objects.get(key=str(order.id))))
    for told in (
        "Everything begun is undone. escrow.hold: the campus is full",
        "None: it has ended.",
        "payments.release",
        "event order.pending_payment",
        "0.040 s",
        '<span class="badge badge-bad">REFUSED</span>',
        '<div class="error">the campus is full</div>',
    ):
        assert told in page
    assert "at-hand" not in page


def test_a_live_run_s_page_marks_the_step_at_hand_and_says_what_is_next(superuser: Client) -> None:
    order = a_created_order()
    run = Run.objects.create(
        saga="create_order", key="live", position=3, fingerprint=create_order.fingerprint,
        facts={"order_id": str(order.id), "currency": "USD"}, attempt=1,
        wake_at=timezone.now(), not_before=timezone.now(), reason="Stripe is silent",
        amount_at_risk=1772, currency="USD",
    )  # fmt: skip
    log(run, 3, StepState.UNKNOWN, error="timed out")
    page = read(superuser, page_of(run))
    (at_hand,) = [row for row in page.split("<tr") if 'class="at-hand" aria-current="step"' in row]
    assert "payments.authorize" in at_hand.split("</tr>")[0]
    assert "Run step 3 payments.authorize again (try 2)" in page
    assert "Stripe is silent" in page
    # What stands on the order's accounts.
    assert "customer_hold" in page
    assert "17.72 USD" in page


def test_what_does_not_progress_is_one_click_away(superuser: Client) -> None:
    a_created_order()
    common = {"saga": "create_order", "fingerprint": "x", "wake_at": timezone.now()}
    Run.objects.create(**common, key="well")
    parked = Run.objects.create(**common, key="parked", status=RunStatus.PARKED, reason="stuck")
    again = Run.objects.create(**common, key="again", not_before=timezone.now())

    def found(attention: str) -> set[str]:
        runs = superuser.get(listed(Run, attention=attention)).context["cl"].result_list
        return {run.key for run in runs}

    assert found("any") >= {parked.key, again.key}
    assert not found("any") & {"well"}
    assert "parked" in found("parked")
    assert "again" not in found("parked")
    assert "again" in found("retrying")
    assert found("live") >= {"well", "parked", "again"}


def test_a_restaurant_and_its_menu_are_edited_but_never_deleted(ops: Client) -> None:
    dish = a_menu_item(a_restaurant(name="Old"))
    kitchen = dish.restaurant
    reply = ops.post(page_of(kitchen), {
        "name": "New", "owner": kitchen.owner_id, "is_open": "on",
        "menu-TOTAL_FORMS": 1, "menu-INITIAL_FORMS": 1,
        "menu-0-id": dish.pk, "menu-0-restaurant": kitchen.pk, "menu-0-name": "Udon",
        "menu-0-price": 990,
    })  # fmt: skip
    assert reply.status_code == 302, reply.context["errors"]
    kitchen.refresh_from_db()
    dish.refresh_from_db()
    assert (kitchen.name, kitchen.currency, dish.name, dish.price) == ("New", "USD", "Udon", 990)
    assert dish.is_available is False
    assert ops.post(page_of(kitchen, "delete"), {"post": "yes"}).status_code == 403
    assert ops.post(page_of(dish, "delete"), {"post": "yes"}).status_code == 403
    assert "9.90 USD" in read(ops, listed(MenuItem, q="Udon"))


def test_a_restaurant_is_frozen_for_a_reason_and_unfrozen_again(ops: Client) -> None:
    kitchen = a_restaurant()
    freeze = reverse("admin:escrow_account_freeze", args=[kitchen.pk, "USD"])
    assert freeze in read(ops, page_of(kitchen))
    assert "Freeze" in read(ops, freeze)
    # Nothing happens without a reason.
    assert "This field is required." in ops.post(freeze, {"reason": " "}).content.decode()
    assert not Account.objects.filter(owner=kitchen.pk).exists()

    assert ops.post(freeze, {"reason": "inspection"}).status_code == 302
    account = Account.objects.get(owner=kitchen.pk)
    assert (account.frozen, account.frozen_reason) == (True, "inspection")
    assert "FROZEN" in read(ops, listed(Account, owner=kitchen.pk))
    assert LogEntry.objects.get(object_id=account.pk).change_message == "Frozen: inspection"

    assert "inspection" in read(ops, freeze)
    ops.post(freeze)
    account.refresh_from_db()
    assert account.frozen is False


def test_freezing_needs_its_permission_and_a_currency(superuser: Client) -> None:
    kitchen = a_restaurant()
    Group.objects.create(name="onlookers")
    onlooker = _signed_in(group="onlookers")
    page = reverse("admin:escrow_account_freeze", args=[kitchen.pk, "USD"])
    assert onlooker.post(page, {"reason": "because"}).status_code == 403
    assert not Account.objects.filter(owner=kitchen.pk).exists()
    nowhere = reverse("admin:escrow_account_freeze", args=[kitchen.pk, "XYZ"])
    assert superuser.get(nowhere).status_code == 404


def test_an_account_links_to_its_entries(superuser: Client) -> None:
    order = a_created_order()
    account = Account.objects.get(order_id=order.id, code="escrow_food")
    url = listed(Entry, account__id__exact=account.pk)
    assert url in read(superuser, page_of(account))
    results = superuser.get(url).context["cl"].result_list
    assert [(entry.side, entry.amount) for entry in results] == [("C", 1250)]


def test_an_account_s_balance_is_positive_on_its_normal_side(superuser: Client) -> None:
    order = a_created_order()
    escrow.cancel(order_id=order.id)
    page = read(superuser, listed(Account, order_id=order.id))
    assert page.count("0.00 USD") == 8  # four accounts, two layers


def test_what_did_not_reach_somebody_is_tried_again_by_hand(ops: Client) -> None:
    some_rows()
    dead = Delivery.objects.get(notification__role="customer", channel="email")
    sent = Delivery.objects.get(notification__role="customer", channel="in_app")
    Delivery.objects.filter(pk=dead.pk).update(state=DeliveryState.DEAD, next_try_at=None)
    body = {"action": "try_again", "_selected_action": [dead.pk, sent.pk]}
    page = ops.post(listed(Delivery), body, follow=True).content.decode()
    assert "1 tried again now." in page
    assert "It has been sent, or is tried again by itself." in page
    dead.refresh_from_db()
    assert (dead.state, dead.next_try_at is None) == (DeliveryState.PENDING, False)


def test_only_a_superuser_hands_out_powers(superuser: Client) -> None:
    person, clerk = a_person(Role.CUSTOMER), a_person(Role.OPS)
    clerk.is_staff = True
    clerk.save()
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client = Client()
    client.force_login(clerk)
    form = {
        "username": person.username, "email": "new@campus.example", "is_active": "on",
        "roles": ["ops"], "is_staff": "on", "is_superuser": "on",
        # The cards and payout accounts that a superuser also sees.
        "saved_card-TOTAL_FORMS": 0, "saved_card-INITIAL_FORMS": 0,
        "payout_account-TOTAL_FORMS": 0, "payout_account-INITIAL_FORMS": 0,
    }  # fmt: skip
    assert client.post(page_of(person), form).status_code == 302
    person.refresh_from_db()
    assert person.email == "new@campus.example"
    assert (person.roles, person.is_staff, person.is_superuser) == ([Role.CUSTOMER], False, False)
    boss = User.objects.get(pk=superuser.session["_auth_user_id"])
    assert client.post(page_of(boss), form).status_code == 403

    assert superuser.post(page_of(person), form).status_code == 302
    person.refresh_from_db()
    assert (person.roles, person.is_staff) == ([Role.OPS], True)


def test_a_person_is_added_and_never_deleted(superuser: Client) -> None:
    form = {
        "username": "newcomer", "email": "newcomer@campus.example", "roles": ["runner"],
        "usable_password": "true", "password1": "rain-on-glass", "password2": "rain-on-glass",
    }  # fmt: skip
    assert superuser.post(reverse("admin:users_user_add"), form).status_code == 302
    newcomer = User.objects.get(username="newcomer")
    assert newcomer.roles == [Role.RUNNER]
    assert superuser.post(page_of(newcomer, "delete"), {"post": "yes"}).status_code == 403


def test_pages_carry_no_inline_scripts_or_styles(superuser: Client) -> None:
    order = a_created_order()
    for url in (page_of(order), page_of(Run.objects.get(key=str(order.id))), listed(Account)):
        page = read(superuser, url)
        assert " onclick=" not in page
        assert " style=" not in page
        assert "<script>" not in page


def test_the_ops_group_sees_everything_and_changes_little(db: None) -> None:
    def granted() -> set[str]:
        group = Group.objects.get(name="ops")
        return set(group.permissions.values_list("codename", flat=True))

    views = {f"view_{model._meta.model_name}" for model in (*GUARDED, *EDITED, *INLINE)}
    changes = {
        "add_restaurant", "change_restaurant", "add_menuitem", "change_menuitem", "change_account",
        "change_delivery",
    }  # fmt: skip
    assert granted() == views | changes
    migration = import_module("sagas.migrations.0003_ops_group")
    migration.remove(apps, None)
    assert not Group.objects.filter(name="ops").exists()
    migration.add(apps, None)
    assert granted() == views | changes


def test_an_event_that_was_given_up_can_be_followed_once_more(operator: Client) -> None:
    some_rows()
    event = StripeEvent.objects.get(state=EventState.DEAD)
    assert "in vain" in read(operator, listed(StripeEvent, state=EventState.DEAD))
    body = {"action": "follow_again", "_selected_action": [event.pk]}
    assert operator.post(listed(StripeEvent), body).status_code == 302
    event.refresh_from_db()
    assert (event.state, event.tries) == (EventState.RECEIVED, 0)
