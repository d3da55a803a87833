"""Operators see everything, in words and in money, and can't edit what only services may write."""

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from campusg.api.models import IdempotencyKey
from campusg.consumers import notifications as consumer
from campusg.ids import new_id
from escrow.models import Account, Entry, Hold, Journal
from events.inbox import handle
from events.models import InboxEvent, OutboxEvent, Stream
from notifications.models import Delivery, Notification
from orders.models import HandOver, MenuItem, Order, OrderItem, Rating, Restaurant
from payments.models import (
    BalanceTransaction,
    Break,
    Dispute,
    HeldPayout,
    Operation,
    Payment,
    Reconciliation,
    Refund,
    StripeEvent,
    StripeLine,
)
from payments.stripe_events import EventState
from sagas import operating
from sagas.models import Action, PausedSaga, Run, StepLog, Worker
from scheduler.models import ScheduledEvent
from tests.admin import listed, page_of, read, signed_in
from tests.notifications.events import an_event
from tests.sagas.orders_at_rest import a_cancelled_order, a_created_order
from users.models import PayoutAccount, SavedCard, User

GUARDED = (
    Order, Payment, Operation, Account, Journal, Entry, Hold, ScheduledEvent, OutboxEvent, Stream,
    Run, Action, PausedSaga, Worker, IdempotencyKey, InboxEvent, Notification, Delivery,
    StripeEvent, StripeLine, Break, Reconciliation, BalanceTransaction,
    HeldPayout, Dispute, Refund,
)  # fmt: skip
EDITED = (User, Restaurant, MenuItem)
#: Shown on the page of what they belong to.
INLINE = (OrderItem, HandOver, Rating, SavedCard, PayoutAccount, StepLog)


@pytest.fixture(params=["superuser", "ops"])
def operator(request: pytest.FixtureRequest) -> Client:
    client: Client = request.getfixturevalue(request.param)
    return client


def some_rows() -> Order:
    """At least one row of every model."""
    order = a_created_order()
    IdempotencyKey.objects.create(
        user=order.customer, route="POST /api/orders", key="k", status_code=202, body={}
    )
    Worker.objects.create(name="celery@kitchen (7)", queues=["local"])
    operating.pause_saga("pay_out", reason="the bank is closed", actor="ines")
    handle(consumer, [an_event("order.created", order.id)])
    StripeEvent.objects.create(
        id=f"evt_{new_id().hex}", type="payment_intent.succeeded", object_type="payment_intent",
        order_id=order.pk, state=EventState.DEAD, created_at=timezone.now(), note="in vain",
    )  # fmt: skip
    StripeLine.objects.get_or_create(id=1)
    now = timezone.now()
    Reconciliation.objects.create(since=now, until=now)
    differs = {"order_id": order.pk, "currency": "USD"}
    Break.objects.create(
        layer="posted", kind="orphan", object_id=f"tr_{new_id().hex}", ours="nothing",
        theirs="-2.00 USD", amount=-200, **differs,
    )  # fmt: skip
    BalanceTransaction.objects.create(
        id=f"txn_{new_id().hex}", type="transfer", reference="tr_1", net=-200, created_at=now,
        **differs,
    )  # fmt: skip
    HeldPayout.objects.create(
        payment=Payment.objects.get(order_id=order.pk), order_id=order.pk, leg="runner",
        amount=order.delivery_fee, currency=order.currency, waits_for="account", reason="inactive",
    )  # fmt: skip
    money = {
        "payment": Payment.objects.get(order_id=order.pk), "order_id": order.pk,
        "amount": order.total, "currency": order.currency,
    }  # fmt: skip
    Dispute.objects.create(
        stripe_id=f"du_{new_id().hex}", reason="fraudulent", status="needs_response",
        refundable=False, **money,
    )  # fmt: skip
    Refund.objects.create(
        stripe_id=f"re_{new_id().hex}", operation=Operation.objects.get(order_id=order.pk),
        status="pending", **money,
    )  # fmt: skip
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
        "change_delivery", "change_order", "change_break",
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


def test_an_operator_closes_a_break_with_a_reason_once(ops: Client) -> None:
    some_rows()
    found = Break.objects.get(resolved_at=None)
    page = reverse("admin:payments_break_close", args=[found.pk])
    assert page in read(ops, listed(Break))
    assert page in read(ops, page_of(found))
    assert "This field is required." in ops.post(page, {"reason": " "}).content.decode()
    for why in ("sold at the counter", "again"):
        assert ops.post(page, {"reason": why}).status_code == 302
    found.refresh_from_db()
    who = User.objects.get(pk=ops.session["_auth_user_id"]).username
    assert found.how == f"{who}: sold at the counter"
    assert page not in read(ops, page_of(found))
    (logged,) = LogEntry.objects.filter(object_id=str(found.pk))
    assert "sold at the counter" in logged.change_message
    Group.objects.create(name="onlookers")
    assert signed_in(group="onlookers").get(page).status_code == 403
