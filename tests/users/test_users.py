"""Who may order, and with which card."""

import pytest
from django.db import IntegrityError, transaction

from campusg.ids import new_id
from tests.factories import a_customer, a_person
from users.errors import CannotBePaid, NoSavedCard, NotACustomer, NotARunner
from users.models import Role, SavedCard, Transfers, User
from users.services import (
    create_person,
    get_customer,
    get_runner,
    payee_of,
    save_card,
    save_payout_account,
    set_transfers,
)

pytestmark = pytest.mark.django_db


def test_a_customer_pays_with_the_card_saved_last(django_assert_num_queries):
    customer = a_customer()
    save_card(
        user_id=customer.id,
        stripe_customer_id="cus_new",
        payment_method_id="pm_new",
        brand="amex",
        last4="0005",
        exp_month=1,
        exp_year=2031,
    )
    with django_assert_num_queries(1):
        facts = get_customer(customer_id=customer.id)
    assert facts == {"stripe_customer": "cus_new", "payment_method": "pm_new"}
    assert SavedCard.objects.filter(user=customer).count() == 1


def test_somebody_unknown_cannot_order():
    with pytest.raises(NotACustomer) as refusal:
        get_customer(customer_id=new_id())
    assert refusal.value.field == "customer_id"


def test_a_runner_cannot_order_until_also_a_customer():
    runner = a_person(Role.RUNNER)
    with pytest.raises(NotACustomer):
        get_customer(customer_id=runner.id)
    runner.roles.append(Role.CUSTOMER)
    runner.save()
    with pytest.raises(NoSavedCard):
        get_customer(customer_id=runner.id)


def test_an_account_that_is_switched_off_cannot_order():
    customer = a_customer()
    User.objects.filter(id=customer.id).update(is_active=False)
    with pytest.raises(NotACustomer):
        get_customer(customer_id=customer.id)


def test_two_people_cannot_share_an_address_however_it_is_written():
    create_person(username="ada", email="ada@campus.example", password=None, roles=[])
    with pytest.raises(IntegrityError, match="users_email_unique"):
        create_person(username="eve", email="ADA@campus.example", password=None, roles=[])


def test_a_person_without_a_password_cannot_log_in():
    assert not a_person(Role.CUSTOMER).has_usable_password()


def test_the_database_knows_the_roles():
    person = a_person(Role.CUSTOMER)
    with pytest.raises(IntegrityError, match="users_roles_known"):
        User.objects.filter(id=person.id).update(roles=["king"])


def test_a_connected_account_is_paid_for_one_person_only():
    first, second = a_person(Role.RUNNER), a_person(Role.RUNNER)
    save_payout_account(user_id=first.id, stripe_account_id="acct_1", transfers=Transfers.PENDING)
    with pytest.raises(IntegrityError), transaction.atomic():
        save_payout_account(
            user_id=second.id, stripe_account_id="acct_1", transfers=Transfers.ACTIVE
        )
    save_payout_account(user_id=first.id, stripe_account_id="acct_1", transfers=Transfers.ACTIVE)
    assert User.objects.get(id=first.id).payout_account.transfers == Transfers.ACTIVE


def a_payee(*roles, transfers=Transfers.ACTIVE):
    """Somebody with a connected account; and its name."""
    person = a_person(*roles)
    name = f"acct_{person.id.hex}"
    save_payout_account(user_id=person.id, stripe_account_id=name, transfers=transfers)
    return person, name


def test_a_runner_is_paid_to_their_connected_account():
    runner, account = a_payee(Role.RUNNER)
    assert get_runner(runner_id=runner.id) == {"runner_account": account}


def test_only_a_runner_who_is_here_delivers():
    customer, _ = a_payee(Role.CUSTOMER)
    gone, _ = a_payee(Role.RUNNER)
    User.objects.filter(id=gone.id).update(is_active=False)
    for nobody in (customer.id, gone.id, new_id()):
        with pytest.raises(NotARunner):
            get_runner(runner_id=nobody)


def test_a_runner_without_an_account_cannot_deliver():
    with pytest.raises(CannotBePaid, match="open one at Stripe"):
        get_runner(runner_id=a_person(Role.RUNNER).id)


@pytest.mark.parametrize("transfers", [Transfers.INACTIVE, Transfers.PENDING])
def test_nobody_is_paid_whom_stripe_restricts_until_it_says_otherwise(transfers):
    owner, account = a_payee(Role.RESTAURANT, transfers=transfers)
    with pytest.raises(CannotBePaid, match=transfers):
        payee_of(user_id=owner.id)
    assert set_transfers(stripe_account_id=account, transfers=Transfers.ACTIVE) == owner.id
    assert payee_of(user_id=owner.id) == account


def test_news_of_an_account_that_is_nobody_s_changes_nothing():
    assert set_transfers(stripe_account_id="acct_x", transfers=Transfers.ACTIVE) is None
