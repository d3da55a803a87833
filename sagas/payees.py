"""Payees' accounts at Stripe: read anew when an event tells of them, and daily."""

import logging
from datetime import timedelta

from celery import shared_task

from payments import gateway
from payments.errors import NotOurs, StripeUnavailable
from sagas.pay_out import account_updated
from users import services as users

log = logging.getLogger(__name__)

#: What is known of an account is older than a day only while Stripe can't be asked: the hourly
#: look takes those that would be by the next.
OLD = timedelta(hours=22)
BATCH = 500


def check_account(name: str) -> str:
    """Note what Stripe says of the account `name`, and let those go on who wait for it; in words.

    Raises NotOurs when it is nobody's here, StripeUnavailable when Stripe did not say.
    """
    found = gateway.read_account(name)
    user_id = users.set_transfers(
        stripe_account_id=name,
        transfers=users.Transfers(found.transfers),
        disabled_reason=found.disabled_reason,
        gone=found.gone,
    )
    if user_id is None:
        raise NotOurs(f"The account {name} is nobody's here.")
    state = "the account is gone" if found.gone else f"transfers are {found.transfers}"
    return f"{state}, {account_updated(user_id)} runs woken"


@shared_task(name="sagas.check_payees")
def check_payees() -> int:
    """Beat's hourly look at the accounts of which no event has told for a day; how many."""
    names = users.accounts_to_check(older_than=OLD, limit=BATCH)
    for name in names:
        try:
            log.info("%s: %s", name, check_account(name))
        except StripeUnavailable as error:
            log.warning("the accounts are looked at later: %s", error)
            break
    return len(names)
