"""Operators add people and never delete them; only a superuser hands out powers."""

from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from tests.admin import page_of
from tests.factories import a_person
from users.models import Role, User


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
