"""Schemathesis reads the API's own description and asks whatever it allows, in every role."""

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.urls import resolve
from hypothesis import HealthCheck, Phase, given, settings
from rest_framework_simplejwt.tokens import AccessToken
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from campusg.ids import new_id
from campusg.wsgi import application
from tests.api.world import a_world

pytestmark = [pytest.mark.contract, pytest.mark.django_db]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    ignored_auth,
]
#: Not asked here. The first two give tokens out; the others ask Stripe, which no transaction
#: may, and this test is one. They have tests of their own.
ELSEWHERE = {
    ("post", "/api/token"),
    ("post", "/api/token/refresh"),
    ("put", "/api/users/{id}/payment-method"),
    ("delete", "/api/users/{id}/payment-method"),
    ("post", "/api/users/{id}/payment-method/setup"),
    ("post", "/api/users/{id}/payout-account/onboarding-link"),
}
bounded = settings(
    max_examples=3,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def one_transaction():
    """As Django's own test client: a request's end doesn't close the test's connection."""
    for sent in (request_started, request_finished):
        sent.disconnect(close_old_connections)
    yield
    for sent in (request_started, request_finished):
        sent.connect(close_old_connections)


@pytest.fixture
def api(one_transaction):
    return schemathesis.openapi.from_wsgi("/api/schema?format=json", application)


@pytest.mark.parametrize("who", ["customer", "runner", "kitchen", "ops", "service"])
def test_whatever_the_description_allows_is_answered_as_it_says(api, who):
    world = a_world()
    headers = {"Authorization": f"Bearer {AccessToken.for_user(world.people[who])}"}
    for operation in operations(api):
        ask(operation, headers, world.ids.get(route_of(operation)))


def ask(operation, headers, id_):
    """Made-up ids are all 404; one that is there leads further."""

    @bounded
    @given(operation.as_strategy())
    def each(case):
        if id_ is not None:
            case.path_parameters["id"] = str(id_)
        case.call_and_validate(headers=headers, checks=CHECKS)

    each()


def operations(api):
    every = (found.ok() for found in api.get_all_operations())
    return [one for one in every if (one.method, one.path) not in ELSEWHERE]


def route_of(operation):
    return resolve(operation.path.replace("{id}", str(new_id()))).url_name
