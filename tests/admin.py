"""Going about the admin as an operator does."""

from urllib.parse import urlencode

from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from tests.factories import a_person
from users.models import Role


def signed_in(*, is_superuser: bool = False, group: str | None = None) -> Client:
    """A browser signed in as an operator with these powers."""
    person = a_person(Role.OPS)
    person.is_staff, person.is_superuser = True, is_superuser
    person.save()
    if group:
        person.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(person)
    return client


def listed(model: type[Model], **filters: object) -> str:
    """Where a model's list is."""
    options = model._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    return f"{url}?{urlencode(filters)}" if filters else url


def page_of(row: Model, action: str = "change") -> str:
    """Where a row's page is, or an act on it."""
    options = row._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_{action}", args=[quote(row.pk)])


def read(client: Client, url: str) -> str:
    """What the page says."""
    reply = client.get(url)
    assert reply.status_code == 200, url
    return reply.content.decode()
