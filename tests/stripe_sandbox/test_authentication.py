"""3-D Secure: payments and saved cards that wait until their owner has met the bank's challenge."""

import urllib.parse
import urllib.request
from typing import Any

import pytest
import stripe

from tests.stripe_sandbox.money import event_types
from tests.stripe_sandbox.running import ONE_HOLD, RunningSandbox

BACK = "https://campus.example/paid?order=7"
ON_SESSION: dict[str, Any] = {
    "amount": 1600,
    "currency": "usd",
    "capture_method": "manual",
    "confirm": True,
    "return_url": BACK,
}
ALWAYS, ON_SETUP = "pm_card_authenticationRequired", "pm_card_authenticationRequiredOnSetup"


def answer(sandbox: RunningSandbox, intent: Any, outcome: str) -> Any:
    return sandbox.control("POST", f"authenticate/{intent.id}", {"outcome": outcome})


def challenged(client: stripe.StripeClient, card: str = ALWAYS, **more: Any) -> Any:
    intent = client.v1.payment_intents.create({**ON_SESSION, "payment_method": card, **more})
    assert intent.status == "requires_action"
    return intent


def test_a_challenge_met_holds_the_money(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    intent = challenged(client)
    assert intent.next_action.type == "redirect_to_url"
    assert intent.next_action.redirect_to_url.return_url == BACK
    assert (intent.latest_charge, intent.amount_capturable) == (None, 0)
    assert event_types(client, 1) == ["payment_intent.requires_action"]
    answer(sandbox, intent, "complete")
    held = client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    assert (held.status, held.amount_capturable, held.next_action) == (
        "requires_capture",
        1600,
        None,
    )
    assert isinstance(held.latest_charge, stripe.Charge)
    assert held.latest_charge.payment_method_details is not None
    card = held.latest_charge.payment_method_details.card
    assert card is not None
    assert card.three_d_secure is not None
    assert card.three_d_secure.result == "authenticated"
    assert event_types(client, 2) == [
        "payment_intent.amount_capturable_updated",
        "charge.succeeded",
    ]
    again = sandbox.raw("POST", f"/_sandbox/authenticate/{intent.id}", {"outcome": "complete"})
    assert again[0] == 400


def test_a_challenge_failed_asks_for_another_card(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    intent = challenged(client)
    answer(sandbox, intent, "fail")
    failed = client.v1.payment_intents.retrieve(intent.id)
    assert (failed.status, failed.next_action) == ("requires_payment_method", None)
    assert failed.last_payment_error is not None
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"
    assert event_types(client, 1) == ["payment_intent.payment_failed"]
    second = {"payment_method": "pm_card_visa", "return_url": BACK}
    assert client.v1.payment_intents.confirm(intent.id, second).status == "requires_capture"


def test_whoever_walks_away_leaves_it_open_until_it_is_canceled(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    intent = challenged(client)
    assert answer(sandbox, intent, "abandon")["status"] == "requires_action"
    canceled = client.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.next_action) == ("canceled", None)
    assert event_types(client, 1) == ["payment_intent.canceled"]
    late = sandbox.raw("POST", f"/_sandbox/authenticate/{intent.id}", {"outcome": "complete"})
    assert late[0] == 400


def test_a_person_meets_the_challenge_on_a_page(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    intent = challenged(client)
    page = intent.next_action.redirect_to_url.url
    with urllib.request.urlopen(page, timeout=5) as shown:
        assert "Complete" in shown.read().decode()
    with urllib.request.urlopen(page, b"outcome=complete", timeout=5) as shown:
        text = shown.read().decode().replace("&amp;", "&")
    told = urllib.parse.urlencode(
        {
            "payment_intent": intent.id,
            "payment_intent_client_secret": intent.client_secret,
            "redirect_status": "succeeded",
        }
    )
    assert f'href="{BACK}&{told}"' in text
    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_capture"


def test_without_a_way_back_the_challenge_is_for_stripes_own_script(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    never = {"enabled": True, "allow_redirects": "never"}
    wanted = {**ON_SESSION, "payment_method": ALWAYS, "automatic_payment_methods": never}
    del wanted["return_url"]
    intent = client.v1.payment_intents.create(wanted)
    assert intent.next_action is not None
    assert intent.next_action.type == "use_stripe_sdk"
    assert answer(sandbox, intent, "complete")["status"] == "requires_capture"


def test_off_session_nobody_is_there_to_authenticate(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_intents.create({**ONE_HOLD, "payment_method": ALWAYS})
    error = declined.value.error
    assert (declined.value.http_status, error.code) == (402, "authentication_required")
    assert error.decline_code == "authentication_required"
    assert error.payment_intent.status == "requires_payment_method"
    assert event_types(client, 2) == ["payment_intent.payment_failed", "charge.failed"]
    # The customer comes, and confirms the same intent.
    again = {"payment_method": error.payment_method.id, "return_url": BACK}
    confirmed = client.v1.payment_intents.confirm(error.payment_intent.id, again)
    assert confirmed.status == "requires_action"


def test_a_payment_may_refuse_to_wait_for_a_challenge(client: stripe.StripeClient) -> None:
    wanted = {**ON_SESSION, "payment_method": ALWAYS, "error_on_requires_action": True}
    with pytest.raises(stripe.CardError) as refused:
        client.v1.payment_intents.create(wanted)
    assert refused.value.code == "payment_intent_action_required"


def test_a_card_may_decline_after_the_challenge(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    broke = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"
    intent = challenged(client, broke)
    assert answer(sandbox, intent, "complete")["status"] == "requires_payment_method"
    failed = client.v1.payment_intents.retrieve(intent.id)
    assert failed.last_payment_error is not None
    assert failed.last_payment_error.decline_code == "insufficient_funds"
    assert event_types(client, 2) == ["payment_intent.payment_failed", "charge.failed"]


def test_a_manually_confirmed_intent_is_confirmed_again_after_the_challenge(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    intent = challenged(client, confirmation_method="manual")
    answer(sandbox, intent, "complete")
    waiting = client.v1.payment_intents.retrieve(intent.id)
    assert waiting.status == "requires_confirmation"
    again = client.v1.payment_intents.confirm(intent.id, {"return_url": BACK})
    assert again.status == "requires_capture"


def test_an_intent_confirmed_too_often_is_canceled(
    sandbox: RunningSandbox, client: stripe.StripeClient
) -> None:
    sandbox.settings(confirmations_allowed=1)
    intent = challenged(client)
    again = {"payment_method": ALWAYS, "return_url": BACK}
    assert client.v1.payment_intents.confirm(intent.id, again).status == "requires_action"
    assert client.v1.payment_intents.confirm(intent.id, again).status == "canceled"


class TestSetup:
    def saved(
        self, client: stripe.StripeClient, customer: stripe.Customer, card: str, **more: Any
    ) -> Any:
        wanted = {"customer": customer.id, "payment_method": card, "confirm": True}
        return client.v1.setup_intents.create({**wanted, "return_url": BACK, **more})

    def test_a_card_is_saved_at_once_if_the_bank_asks_nothing(
        self, client: stripe.StripeClient, customer: stripe.Customer
    ) -> None:
        saved = self.saved(client, customer, "pm_card_visa", metadata={"user_id": "7"})
        assert (saved.status, saved.usage) == ("succeeded", "off_session")
        method = client.v1.payment_methods.retrieve(saved.payment_method)
        assert method.customer == customer.id
        assert event_types(client, 3) == [
            "setup_intent.succeeded",
            "payment_method.attached",
            "setup_intent.created",
        ]
        (attempt,) = client.v1.setup_attempts.list({"setup_intent": saved.id}).data
        assert (attempt.id, attempt.status) == (saved.latest_attempt, "succeeded")

    def test_a_card_set_up_with_a_challenge_pays_off_session_later(
        self, sandbox: RunningSandbox, client: stripe.StripeClient, customer: stripe.Customer
    ) -> None:
        attached = client.v1.payment_methods.attach(ON_SETUP, {"customer": customer.id})
        later = {**ONE_HOLD, "customer": customer.id, "payment_method": attached.id}
        with pytest.raises(stripe.CardError, match="requires authentication"):
            client.v1.payment_intents.create(later)
        saved = self.saved(client, customer, attached.id)
        assert saved.status == "requires_action"
        assert event_types(client, 1) == ["setup_intent.requires_action"]
        answer(sandbox, saved, "complete")
        assert client.v1.setup_intents.retrieve(saved.id).status == "succeeded"
        assert client.v1.payment_intents.create(later).status == "requires_capture"

    def test_a_payment_may_set_the_card_up_for_the_next(
        self, sandbox: RunningSandbox, client: stripe.StripeClient, customer: stripe.Customer
    ) -> None:
        first = challenged(client, ON_SETUP, customer=customer.id, setup_future_usage="off_session")
        answer(sandbox, first, "complete")
        later = {**ONE_HOLD, "customer": customer.id, "payment_method": first.payment_method}
        assert client.v1.payment_intents.create(later).status == "requires_capture"

    def test_a_card_that_is_always_asked_pays_never_off_session(
        self, sandbox: RunningSandbox, client: stripe.StripeClient, customer: stripe.Customer
    ) -> None:
        saved = self.saved(client, customer, ALWAYS)
        answer(sandbox, saved, "complete")
        later = {**ONE_HOLD, "customer": customer.id, "payment_method": saved.payment_method}
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.create(later)

    def test_a_failed_challenge_saves_nothing(
        self, sandbox: RunningSandbox, client: stripe.StripeClient, customer: stripe.Customer
    ) -> None:
        saved = self.saved(client, customer, ON_SETUP)
        answer(sandbox, saved, "fail")
        failed = client.v1.setup_intents.retrieve(saved.id)
        assert (failed.status, failed.payment_method) == ("requires_payment_method", None)
        assert failed.last_setup_error is not None
        assert failed.last_setup_error.code == "setup_intent_authentication_failure"
        assert event_types(client, 1) == ["setup_intent.setup_failed"]
        assert client.v1.customers.payment_methods.list(customer.id).data == []

    def test_a_declining_card_may_be_refused_at_once(
        self, sandbox: RunningSandbox, client: stripe.StripeClient, customer: stripe.Customer
    ) -> None:
        sandbox.settings(decline_at_attach=True)
        with pytest.raises(stripe.CardError) as declined:
            self.saved(client, customer, "pm_card_visa_chargeDeclined")
        assert declined.value.error.setup_intent.status == "requires_payment_method"

    def test_a_setup_is_confirmed_or_canceled_while_it_is_open(
        self, client: stripe.StripeClient, customer: stripe.Customer
    ) -> None:
        made = client.v1.setup_intents.create({"customer": customer.id})
        assert made.status == "requires_payment_method"
        with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
            client.v1.setup_intents.confirm(made.id, {"return_url": BACK})
        chosen = client.v1.setup_intents.update(made.id, {"payment_method": "pm_card_visa"})
        assert chosen.status == "requires_confirmation"
        canceled = client.v1.setup_intents.cancel(made.id)
        assert canceled.status == "canceled"
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.setup_intents.confirm(made.id, {"return_url": BACK})
        assert refused.value.code == "setup_intent_unexpected_state"
        listed = client.v1.setup_intents.list({"customer": customer.id}).data
        assert [one.id for one in listed] == [made.id]

    def test_a_detached_card_is_no_default_any_more_and_never_comes_back(
        self, client: stripe.StripeClient, customer: stripe.Customer
    ) -> None:
        saved = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
        default: Any = {"invoice_settings": {"default_payment_method": saved.id}}
        client.v1.customers.update(customer.id, default)
        client.v1.payment_methods.detach(saved.id)
        assert event_types(client, 2) == ["payment_method.detached", "customer.updated"]
        settings = client.v1.customers.retrieve(customer.id).invoice_settings
        assert settings is not None
        assert settings.default_payment_method is None
        for again in (
            lambda: client.v1.payment_methods.attach(saved.id, {"customer": customer.id}),
            lambda: client.v1.payment_intents.create({**ONE_HOLD, "payment_method": saved.id}),
        ):
            with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
                again()

    def test_a_deleted_customer_is_remembered_as_deleted(
        self, client: stripe.StripeClient, customer: stripe.Customer
    ) -> None:
        saved = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
        assert client.v1.customers.delete(customer.id).deleted
        assert client.v1.customers.retrieve(customer.id).deleted
        assert client.v1.payment_methods.retrieve(saved.id).customer is None
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
