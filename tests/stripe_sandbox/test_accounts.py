"""Connected accounts: who may be paid, and what may befall them."""

import urllib.request
from typing import Any

import pytest
import stripe

from tests.stripe_sandbox.money import event_types, holdings, pay, payee, sell
from tests.stripe_sandbox.running import RunningSandbox


def test_a_new_account_may_be_paid_at_once(client: stripe.StripeClient) -> None:
    made = payee(client, email="ana@campus.example", metadata={"user_id": "7"})
    found = client.v1.accounts.retrieve(made.id)
    assert found.capabilities is not None
    assert (found.capabilities.transfers, found.payouts_enabled) == ("active", True)
    assert found.metadata is not None
    assert (found.type, found.email, found.metadata["user_id"]) == (
        "express",
        "ana@campus.example",
        "7",
    )
    capability = client.v1.accounts.capabilities.retrieve(made.id, "transfers")
    assert (capability.status, capability.account, capability.requested) == (
        "active",
        made.id,
        True,
    )
    (listed,) = client.v1.accounts.capabilities.list(made.id).data
    assert listed.id == "transfers"
    assert client.v1.accounts.list({"limit": 1}).data[0].id == made.id


def test_an_account_is_also_described_by_who_controls_it(client: stripe.StripeClient) -> None:
    controller = {
        "fees": {"payer": "application"},
        "losses": {"payments": "application"},
        "stripe_dashboard": {"type": "express"},
    }
    wanted = {"controller": controller, "capabilities": {"transfers": {"requested": True}}}
    made = client.v1.accounts.create(wanted)
    assert made.type == "none"
    assert made.controller is not None
    assert made.controller.fees is not None
    assert made.controller.fees.payer == "application"
    with pytest.raises(stripe.InvalidRequestError, match="only specify one") as refused:
        client.v1.accounts.create({**wanted, "type": "express"})
    assert refused.value.param == "controller"


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"type": "friend"}, "type"),
        (
            {"capabilities": {"klarna_payments": {"requested": True}}},
            "capabilities[klarna_payments]",
        ),
        (
            {"capabilities": {"transfers": {"requested": "yes"}}},
            "capabilities[transfers][requested]",
        ),
        ({"company": {"name": "Diner"}}, "company"),
    ],
    ids=str,
)
def test_what_is_no_account_is_refused(
    client: stripe.StripeClient, wrong: dict[str, Any], param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.accounts.create(wrong)
    assert refused.value.param == param


def test_an_unknown_account_is_nobodys(client: stripe.StripeClient) -> None:
    for call in (
        lambda: client.v1.accounts.retrieve("acct_nobody"),
        lambda: client.v1.accounts.capabilities.list("acct_nobody"),
        lambda: client.v1.balance.retrieve(None, {"stripe_account": "acct_nobody"}),
        lambda: client.v1.events.list(None, {"stripe_account": "acct_nobody"}),
    ):
        with pytest.raises(stripe.PermissionError) as refused:
            call()
        assert (refused.value.http_status, refused.value.error.code) == (403, "account_invalid")


def test_an_account_may_have_to_onboard_first(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sandbox.settings(accounts_active_at_once=False)
    made = payee(client)
    assert made.capabilities is not None
    assert made.requirements is not None
    assert made.capabilities.transfers == "inactive"
    assert made.requirements.currently_due
    link = client.v1.account_links.create(
        {
            "account": made.id,
            "type": "account_onboarding",
            "refresh_url": "https://campus.example/again",
            "return_url": "https://campus.example/done?a=1&b=2",
        }
    )
    assert link.url.startswith(sandbox.url)
    assert link.expires_at > link.created
    with urllib.request.urlopen(link.url, timeout=5) as page:
        assert "Finish onboarding" in page.read().decode()
    assert client.v1.accounts.retrieve(made.id).details_submitted is False
    with urllib.request.urlopen(link.url, b"", timeout=5) as page:
        assert 'href="https://campus.example/done?a=1&amp;b=2"' in page.read().decode()
    onboarded = client.v1.accounts.retrieve(made.id)
    assert onboarded.capabilities is not None
    assert onboarded.requirements is not None
    assert (onboarded.capabilities.transfers, onboarded.payouts_enabled) == ("active", True)
    assert onboarded.requirements.currently_due == []
    assert event_types(client, 2, made.id) == ["account.updated", "capability.updated"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"account": "acct_nobody"}, "account"),
        ({"type": "account_update"}, "type"),
        ({"return_url": None}, "return_url"),
    ],
    ids=str,
)
def test_a_link_needs_an_account_and_a_way_back(
    client: stripe.StripeClient, change: dict[str, Any], param: str
) -> None:
    urls = {"refresh_url": "https://a.example", "return_url": "https://b.example"}
    wanted = {"account": payee(client).id, "type": "account_onboarding", **urls, **change}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.account_links.create({k: v for k, v in wanted.items() if v is not None})
    assert refused.value.param == param


def test_what_befalls_an_account_is_told_to_that_account(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    account = payee(client)
    why = {"disabled_reason": "requirements.past_due", "currently_due": ["individual.id_number"]}
    sandbox.control("POST", f"accounts/{account.id}", {"transfers": "inactive", **why})
    seen = client.v1.accounts.retrieve(account.id)
    assert seen.capabilities is not None
    assert seen.requirements is not None
    assert (seen.capabilities.transfers, seen.payouts_enabled) == ("inactive", True)
    assert seen.requirements.disabled_reason == "requirements.past_due"
    assert client.v1.accounts.capabilities.retrieve(account.id, "transfers").status == "inactive"

    updated, capability = client.v1.events.list(None, {"stripe_account": account.id}).data
    assert (updated.type, capability.type) == ("account.updated", "capability.updated")
    assert (updated.account, updated.data.object["id"]) == (account.id, account.id)
    assert updated.data.previous_attributes is not None
    assert updated.data.previous_attributes["capabilities"]["transfers"] == "active"
    assert capability.data.object["status"] == "inactive"
    of_platform = client.v1.events.list({"types": ["account.updated", "capability.updated"]})
    assert of_platform.data == []

    sandbox.control("POST", f"accounts/{account.id}", {"payouts_enabled": False})
    assert client.v1.accounts.retrieve(account.id).payouts_enabled is False
    assert event_types(client, 5, account.id) == [
        "account.updated",
        "account.updated",
        "capability.updated",
    ]
    sandbox.control("POST", f"accounts/{account.id}", {"payouts_enabled": False})  # no change
    assert len(event_types(client, 5, account.id)) == 3


@pytest.mark.parametrize(
    "wrong", [{"transfers": "gone"}, {"payouts_enabled": "no"}, {"mood": "bad"}], ids=str
)
def test_what_cannot_befall_an_account_is_refused(
    sandbox: RunningSandbox, client: stripe.StripeClient, wrong: dict[str, Any]
) -> None:
    account = payee(client)
    assert sandbox.raw("POST", f"/_sandbox/accounts/{account.id}", wrong)[0] == 400
    assert sandbox.raw("POST", "/_sandbox/accounts/acct_nobody", {})[0] == 404
    assert event_types(client, 1, account.id) == []


def test_an_account_that_has_left_can_be_neither_seen_nor_paid(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    account = payee(client)
    sandbox.control("POST", f"accounts/{account.id}", {"deauthorized": True})
    with pytest.raises(stripe.PermissionError):
        client.v1.accounts.retrieve(account.id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        pay(client, account, 100, sell(client))
    assert (refused.value.code, refused.value.param) == ("resource_missing", "destination")


def test_an_account_has_a_balance_of_its_own(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    account, other = payee(client), payee(client)
    sandbox.settings(funds_available_after_seconds=60)
    pay(client, account, 700, sell(client))
    pay(client, other, 100, sell(client))
    assert holdings(client, account.id) == (0, 700)
    sandbox.settings(clock_offset_seconds=61)
    assert holdings(client, account.id) == (700, 0)
    sandbox.control("POST", f"accounts/{account.id}", {"pay_out": True})
    assert holdings(client, account.id) == (0, 0)
    (shown,) = [
        row for row in sandbox.control("GET", "accounts")["data"] if row["account"] == other.id
    ]
    assert shown["transfers"] == "active"
    assert shown["balance"]["available"] == {"usd": 100}
