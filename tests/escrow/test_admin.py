"""Operators follow accounts to their entries, and freeze them for a reason."""

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from escrow import services as escrow
from escrow.models import Account, Entry
from tests.admin import listed, page_of, read, signed_in
from tests.factories import a_restaurant
from tests.sagas.orders_at_rest import a_created_order


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
    onlooker = signed_in(group="onlookers")
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
