"""Customers, and the cards that they save."""

import pytest
import stripe

from tests.stripe_sandbox.running import ONE_HOLD, RunningSandbox


def test_a_customer_is_made_changed_and_found(client: stripe.StripeClient) -> None:
    made = client.v1.customers.create(
        {"email": "bo@campus.example", "name": "Bo", "metadata": {"user_id": "1", "tier": "x"}}
    )
    client.v1.customers.update(
        made.id, {"name": "Bo Li", "phone": "123", "metadata": {"tier": "", "house": "B"}}
    )
    found = client.v1.customers.retrieve(made.id)
    assert (found.name, found.phone, found.email) == ("Bo Li", "123", "bo@campus.example")
    assert found.metadata is not None
    assert found.metadata.to_dict() == {"user_id": "1", "house": "B"}
    listed = client.v1.customers.list({"email": "bo@campus.example"}).data
    assert [customer.id for customer in listed] == [made.id]
    assert client.v1.customers.update(made.id, {"metadata": ""}).metadata.to_dict() == {}


def test_a_well_known_card_becomes_a_card_of_its_own_when_saved(
    client: stripe.StripeClient, customer: stripe.Customer
) -> None:
    one = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    two = client.v1.payment_methods.attach("pm_card_mastercard", {"customer": customer.id})
    assert one.id not in ("pm_card_visa", two.id)
    assert one.card is not None
    assert (one.card.brand, one.card.last4) == ("visa", "4242")
    both = [two.id, one.id]
    of_customer = client.v1.customers.payment_methods.list(customer.id, {"type": "card"})
    assert [method.id for method in of_customer.data] == both
    listed = client.v1.payment_methods.list({"customer": customer.id, "type": "card"})
    assert [method.id for method in listed.data] == both

    client.v1.payment_methods.detach(one.id)
    left = client.v1.payment_methods.list({"customer": customer.id}).data
    assert [method.id for method in left] == [two.id]
    with pytest.raises(stripe.InvalidRequestError, match="not attached"):
        client.v1.payment_methods.detach(one.id)


def test_a_default_card_must_be_the_customers_own(
    client: stripe.StripeClient, customer: stripe.Customer
) -> None:
    saved = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    loose = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    settings = {"invoice_settings": {"default_payment_method": saved.id}}
    changed = client.v1.customers.update(customer.id, settings)
    assert changed.invoice_settings is not None
    assert changed.invoice_settings.default_payment_method == saved.id
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.update(
            customer.id, {"invoice_settings": {"default_payment_method": loose.id}}
        )


def test_a_card_cannot_be_saved_by_two(
    client: stripe.StripeClient, customer: stripe.Customer
) -> None:
    saved = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    other = client.v1.customers.create()
    with pytest.raises(stripe.InvalidRequestError, match="already been attached"):
        client.v1.payment_methods.attach(saved.id, {"customer": other.id})


def test_a_saved_card_may_decline_when_it_is_charged(
    client: stripe.StripeClient, customer: stripe.Customer
) -> None:
    short = "pm_card_visa_chargeDeclinedInsufficientFunds"
    saved = client.v1.payment_methods.attach(short, {"customer": customer.id})
    order = {**ONE_HOLD, "customer": customer.id, "payment_method": saved.id}
    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_intents.create(order)
    assert declined.value.error.decline_code == "insufficient_funds"


def test_as_documented_most_declining_cards_cannot_be_saved(
    sandbox: RunningSandbox, client: stripe.StripeClient, customer: stripe.Customer
) -> None:
    sandbox.settings(decline_at_attach=True)
    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_methods.attach("pm_card_visa_chargeDeclined", {"customer": customer.id})
    assert declined.value.error.decline_code == "generic_decline"
    attached = client.v1.payment_methods.attach(
        "pm_card_chargeCustomerFail", {"customer": customer.id}
    )
    assert attached.customer == customer.id


@pytest.mark.parametrize(
    ("number", "code"),
    [("4111111111111111", "card_declined"), ("4242424242424241", "incorrect_number")],
    ids=["a real number", "a mistyped number"],
)
def test_only_test_cards_are_taken(client: stripe.StripeClient, number: str, code: str) -> None:
    card = {"number": number, "exp_month": 12, "exp_year": 2050}
    with pytest.raises(stripe.CardError) as refused:
        client.v1.payment_methods.create({"type": "card", "card": card})
    assert refused.value.code == code


def test_an_expired_card_is_not_taken(client: stripe.StripeClient) -> None:
    card = {"number": "4242424242424242", "exp_month": 1, "exp_year": 2020}
    with pytest.raises(stripe.CardError) as refused:
        client.v1.payment_methods.create({"type": "card", "card": card})
    assert refused.value.code == "invalid_expiry_year"
