"""Saving a card, also one whose bank wants that confirmed, paying with it, and forgetting it."""

import re
from typing import Any

import pytest
import requests
from django.conf import settings
from django.db import connection

from payments.gateway import client as stripe_client
from tests.api.conftest import Client, problem
from tests.factories import a_person
from tests.makers import make_restaurant, order_body
from tests.sagas.test_confirmation import holds, tables
from users.models import Role, SavedCard, User

pytestmark = [pytest.mark.story, pytest.mark.usefixtures("committed_db")]


@pytest.fixture
def customer() -> User:
    return a_person(Role.CUSTOMER)


def url_of(user: User) -> str:
    return f"/api/users/{user.id}/payment-method"


def begun(user: User) -> tuple[str, str]:
    """A SetupIntent of this user's, and its secret."""
    answer = Client(user).send("POST", f"{url_of(user)}/setup", {})
    assert answer.status_code == 200, answer.content
    secret = answer.json()["client_secret"]
    return secret.partition("_secret_")[0], secret


def in_the_browser(intent: str, card: str) -> Any:
    """What Stripe.js does with the secret."""
    return stripe_client().v1.setup_intents.confirm(intent, {"payment_method": card})


def put(user: User, **body: str) -> Any:
    return Client(user).put(url_of(user), body, format="json")


def test_a_card_that_has_to_be_confirmed_is_saved_once_it_is(customer: User) -> None:
    intent, secret = begun(customer)
    assert in_the_browser(intent, "pm_card_authenticationRequired").status == "requires_action"
    problem(put(customer, setup_intent=intent), 402, "payment_declined")
    assert not SavedCard.objects.filter(user=customer).exists()
    bank = f"{settings.STRIPE_API_BASE}/_sandbox/authenticate/{intent}"
    requests.post(bank, json={"outcome": "complete"}, timeout=10).raise_for_status()
    saved = put(customer, setup_intent=intent)
    assert (saved.status_code, saved.json()["last4"]) == (200, "3184")
    hidden = secret.partition("_secret_")[2]
    assert [table for table in tables() if holds(table, hidden)] == []


def test_a_second_card_belongs_to_the_same_customer_and_the_first_can_be_had_back(
    customer: User,
) -> None:
    assert put(customer, payment_method="pm_card_visa").status_code == 200
    first = SavedCard.objects.get(user=customer)
    intent, _ = begun(customer)
    in_the_browser(intent, "pm_card_mastercard")
    assert put(customer, setup_intent=intent).json()["brand"] == "mastercard"
    second = SavedCard.objects.get(user=customer)
    assert second.stripe_customer_id == first.stripe_customer_id
    assert put(customer, payment_method=first.payment_method_id).json()["brand"] == "visa"


def test_nobody_gets_somebody_elses_card(customer: User) -> None:
    intent, _ = begun(a_person(Role.CUSTOMER))
    in_the_browser(intent, "pm_card_visa")
    problem(put(customer, setup_intent=intent), 402, "payment_declined")
    assert not SavedCard.objects.filter(user=customer).exists()


def test_a_forgotten_card_pays_no_more(customer: User) -> None:
    put(customer, payment_method="pm_card_visa")
    card = SavedCard.objects.get(user=customer)
    assert Client(customer).delete(url_of(customer)).status_code == 204
    problem(Client(customer).get(url_of(customer)), 404, "not_found")
    problem(Client(customer).delete(url_of(customer)), 404, "not_found")
    method = stripe_client().v1.payment_methods.retrieve(card.payment_method_id)
    assert method.customer is None
    refused = Client(customer).order(order_body(make_restaurant()))
    problem(refused, 422, "no_saved_card", "customer_id")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"payment_method": "pm_card_visa", "setup_intent": "seti_1"},
        {"payment_method": "4242424242424242"},
        {"setup_intent": "4242424242424242"},
    ],
)
def test_it_is_one_of_the_two_and_never_a_number(customer: User, body: dict[str, str]) -> None:
    assert put(customer, **body).status_code == 422


def test_nothing_that_looks_like_a_card_number_is_in_any_row(customer: User) -> None:
    """Test cards' numbers, which all of these tests pay with, and any other of a payment card."""
    put(customer, payment_method="pm_card_visa")
    numbers = r"(^|[^0-9])(4[0-9]{15}|5[1-5][0-9]{14}|3[47][0-9]{13})([^0-9]|$)"
    found = []
    for table in tables():
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT t::text FROM "{table}" AS t WHERE t::text ~ %s', [numbers])
            rows = [row[0] for row in cursor.fetchall()]
        found += [(table, row) for row in rows if any(map(is_valid, re.findall(r"\d{15,16}", row)))]
    assert found == []


def is_valid(number: str) -> bool:
    """Luhn's check, which every card number passes and one in ten others."""
    digits = [int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(number))]
    return sum(digit - 9 if digit > 9 else digit for digit in digits) % 10 == 0


def test_the_check_knows_a_card_number() -> None:
    assert is_valid("4242424242424242")
    assert not is_valid("4242424242424241")
