"""Tokens: short-lived, refreshed once each, and worthless as soon as an account is switched off."""

from datetime import timedelta

import jwt
import pytest
from django.conf import settings
from django.utils import timezone

from tests.api.conftest import Client, problem
from tests.factories import a_customer

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def customer():
    customer = a_customer()
    customer.set_password(PASSWORD)
    customer.save()
    return customer


@pytest.fixture
def pair(customer):
    return sign_in(customer.username).json()


def sign_in(username, password=PASSWORD):
    return Client().post("/api/token", {"username": username, "password": password}, format="json")


def ask(access):
    return Client().get("/api/orders", headers={"Authorization": f"Bearer {access}"})


def refresh(token):
    return Client().post("/api/token/refresh", {"refresh": token}, format="json")


def test_a_token_opens_the_api(customer, pair):
    assert ask(pair["access"]).status_code == 200
    told = jwt.decode(pair["access"], options={"verify_signature": False})
    assert (told["sub"], told["iss"], told["aud"]) == (str(customer.id), "campusg", "campusg")
    assert told["exp"] - told["iat"] == 600


def test_a_wrong_password_is_401(customer):
    refused = sign_in(customer.username, "guess")
    told = problem(refused, 401, "no_active_account")
    assert refused["WWW-Authenticate"].startswith("Bearer")
    assert told["detail"] == problem(sign_in("nobody"), 401, "no_active_account")["detail"]


def test_a_refresh_token_works_once(pair):
    second = refresh(pair["refresh"])
    assert ask(second.json()["access"]).status_code == 200
    problem(refresh(pair["refresh"]), 401, "token_not_valid")
    assert refresh(second.json()["refresh"]).status_code == 200


def test_an_account_that_is_switched_off_is_out_at_once(customer, pair):
    customer.is_active = False
    customer.save()
    problem(ask(pair["access"]), 401, "user_inactive")
    problem(refresh(pair["refresh"]), 401, "no_active_account")
    problem(sign_in(customer.username), 401, "no_active_account")


def test_an_account_that_is_gone_cannot_refresh(customer, pair):
    customer.delete()
    problem(refresh(pair["refresh"]), 401, "no_active_account")
    problem(ask(pair["access"]), 401, "user_not_found")


FORGED = {
    "unsigned": ({}, "", "none"),
    "another key": ({}, "another-key-of-at-least-thirty-two-bytes", "HS256"),
    "another algorithm": ({}, settings.SECRET_KEY + "-" * 40, "HS512"),
    "another audience": ({"aud": "elsewhere"}, settings.SECRET_KEY, "HS256"),
    "another issuer": ({"iss": "elsewhere"}, settings.SECRET_KEY, "HS256"),
    "expired": ({"exp": timezone.now() - timedelta(seconds=1)}, settings.SECRET_KEY, "HS256"),
    "a refresh token": ({"token_type": "refresh"}, settings.SECRET_KEY, "HS256"),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_token_that_we_did_not_make_opens_nothing(pair, how):
    change, key, algorithm = FORGED[how]
    claims = jwt.decode(pair["access"], options={"verify_signature": False})
    problem(ask(jwt.encode(claims | change, key, algorithm)), 401, "token_not_valid")


def test_the_same_token_made_with_our_key_does_open(pair):
    """The forgeries above fail for the reason that they name."""
    claims = jwt.decode(pair["access"], options={"verify_signature": False})
    assert ask(jwt.encode(claims, settings.SECRET_KEY, "HS256")).status_code == 200
