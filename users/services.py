"""The front door of users: who somebody is, and how they pay and are paid."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TypedDict
from uuid import UUID

from django.db.models.functions import Coalesce, Now

from users.errors import AccountGone, CannotBePaid, NoSavedCard, NotACustomer, NotARunner
from users.models import PayoutAccount, SavedCard, User
from users.models import Role as Role  # named by whoever makes accounts through this door
from users.models import Transfers as Transfers


class Customer(TypedDict):
    """Whom Stripe charges: a Customer's id and a PaymentMethod's id, as Stripe named them."""

    stripe_customer: str
    payment_method: str


class Runner(TypedDict):
    """To which connected account a runner is paid, as Stripe named it."""

    runner_account: str


def get_customer(*, customer_id: UUID) -> Customer:
    """How this customer pays. Raises NotACustomer or NoSavedCard."""
    user = User.objects.select_related("saved_card").filter(id=customer_id, is_active=True).first()
    if user is None or not user.has_role(Role.CUSTOMER):
        raise NotACustomer("This account cannot place orders.", field="customer_id")
    card = getattr(user, "saved_card", None)
    if card is None:
        raise NoSavedCard("Save a card first, then order.", field="customer_id")
    return {"stripe_customer": card.stripe_customer_id, "payment_method": card.payment_method_id}


def get_runner(*, runner_id: UUID) -> Runner:
    """Where this runner is paid. Raises NotARunner or CannotBePaid."""
    runner = User.objects.filter(id=runner_id, is_active=True).first()
    if runner is None or not runner.has_role(Role.RUNNER):
        raise NotARunner("This account cannot deliver orders.", field="runner_id")
    return {"runner_account": payee_of(user_id=runner_id)}


def payee_of(*, user_id: UUID) -> str:
    """The connected account, by Stripe's name, to which money may be sent for this user now.

    Raises CannotBePaid, and AccountGone when waiting won't help: it is asked before an order or a
    delivery is accepted and again before each transfer, because Stripe may restrict an account in
    between.
    """
    account = payout_account_of(user_id=user_id)
    if account is None:
        raise CannotBePaid(
            "There is no account to pay to: open one at Stripe by POST"
            f" /api/users/{user_id}/payout-account/onboarding-link."
        )
    if account.gone_at:
        raise AccountGone("This account at Stripe has left us: open another one to be paid to.")
    if account.transfers != Transfers.ACTIVE:
        raise CannotBePaid(
            f"Stripe lets no money be sent to this account: {account.transfers}. Tell Stripe what"
            f" is missing, by POST /api/users/{user_id}/payout-account/onboarding-link."
        )
    return account.stripe_account_id


def payout_account_of(*, user_id: UUID) -> PayoutAccount | None:
    """The account this user is paid to, whatever may be sent there now."""
    return PayoutAccount.objects.filter(user_id=user_id).first()


def operators() -> list[UUID]:
    """Who looks after the campus, and is told when something needs a person."""
    ops = User.objects.filter(roles__contains=[Role.OPS], is_active=True)
    return list(ops.order_by("id").values_list("id", flat=True))


def create_person(
    *, username: str, email: str, password: str | None, roles: Iterable[Role]
) -> User:
    """Make an account; without a password nobody can log in to it until one is set."""
    return User.objects.create_user(username, email, password, roles=list(roles))


def save_card(
    *,
    user_id: UUID,
    stripe_customer_id: str,
    payment_method_id: str,
    brand: str,
    last4: str,
    exp_month: int,
    exp_year: int,
) -> SavedCard:
    """Keep this card as the one the user pays with, in place of any earlier one."""
    card, _ = SavedCard.objects.update_or_create(
        user_id=user_id,
        defaults={
            "stripe_customer_id": stripe_customer_id,
            "payment_method_id": payment_method_id,
            "brand": brand,
            "last4": last4,
            "exp_month": exp_month,
            "exp_year": exp_year,
        },
    )
    return card


def drop_card(*, user_id: UUID, payment_method_id: str) -> None:
    """Forget this card, unless another has taken its place meanwhile."""
    SavedCard.objects.filter(user_id=user_id, payment_method_id=payment_method_id).delete()


def save_payout_account(
    *, user_id: UUID, stripe_account_id: str, transfers: Transfers
) -> PayoutAccount:
    """Keep the connected account to which this user is paid, with what Stripe says it may do."""
    account, _ = PayoutAccount.objects.update_or_create(
        user_id=user_id,
        defaults={
            "stripe_account_id": stripe_account_id,
            "transfers": transfers,
            "disabled_reason": "",
            "gone_at": None,
            "checked_at": Now(),
        },
    )
    return account


def set_transfers(
    *, stripe_account_id: str, transfers: Transfers, disabled_reason: str = "", gone: bool = False
) -> UUID | None:
    """Note what Stripe says the account may receive, or that it is gone; whose it is, or None when
    it is nobody's."""
    account = PayoutAccount.objects.filter(stripe_account_id=stripe_account_id)
    gone_at = Coalesce("gone_at", Now()) if gone else None
    if not account.update(
        transfers=transfers, disabled_reason=disabled_reason, gone_at=gone_at, checked_at=Now()
    ):
        return None
    return account.values_list("user_id", flat=True).get()


def accounts_to_check(*, older_than: timedelta, limit: int) -> list[str]:
    """Accounts that Stripe was not asked about for so long, by Stripe's names, oldest first."""
    stale = PayoutAccount.objects.filter(gone_at=None, checked_at__lt=Now() - older_than)
    return list(stale.order_by("checked_at").values_list("stripe_account_id", flat=True)[:limit])
