"""Getting ready to be paid: a link to Stripe's pages, for one's own account or by an operator."""

import pytest
import requests

from tests.api.conftest import Client, problem
from tests.factories import a_person
from tests.makers import change_account, make_runner
from tests.payments.webhooks import an_event
from tests.sagas.hearing import hear_of, tell
from users.models import PayoutAccount, Role, Transfers

pytestmark = [pytest.mark.story, pytest.mark.usefixtures("worker")]
BACK = {"return_url": "https://campus.example/earnings"}


def url(person) -> str:
    return f"/api/users/{person.id}/payout-account/onboarding-link"


def test_a_new_runner_onboards_and_may_then_be_paid() -> None:
    runner = a_person(Role.RUNNER)
    first, again = (Client(runner).send("POST", url(runner), BACK) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert set(first.json()) == {"url", "expires_at"}
    account = PayoutAccount.objects.get(user=runner)
    change_account(runner, transfers="inactive")
    hear_of(runner)
    account.refresh_from_db()
    assert account.transfers == Transfers.INACTIVE
    # The sandbox's page stands for Stripe's form: whoever sends it has given what was missing.
    requests.post(first.json()["url"], timeout=10, allow_redirects=False).raise_for_status()
    hear_of(runner)
    account.refresh_from_db()
    assert account.transfers == Transfers.ACTIVE


def test_who_has_left_opens_another_account() -> None:
    runner = make_runner()
    left = runner.payout_account.stripe_account_id
    change_account(runner, deauthorized=True)
    gone = an_event("account.application.deauthorized", id="ca_1", object="application")
    tell([gone | {"account": left}])
    assert Client(a_person(Role.OPS)).send("POST", url(runner), BACK).status_code == 201
    account = PayoutAccount.objects.get(user=runner)
    assert account.stripe_account_id != left
    assert account.gone_at is None


def test_nobody_gets_a_link_to_another_s_account_or_to_nowhere() -> None:
    runner, other = make_runner(), make_runner()
    problem(Client(other).send("POST", url(runner), BACK), 404, "not_found")
    for body in ({}, {"return_url": "javascript:alert(1)"}):
        said = Client(runner).send("POST", url(runner), body)
        problem(said, 422, "validation_failed", "return_url")
