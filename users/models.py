"""People, what they may do, the card they pay with and the account they are paid to."""

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower, Now

from campusg.ids import new_id


class Role(models.TextChoices):
    CUSTOMER = "customer"
    RUNNER = "runner"
    RESTAURANT = "restaurant"
    OPS = "ops"
    SERVICE = "service"


class User(AbstractUser):
    """A person or a service; one account may hold several roles."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField()
    phone = models.CharField(
        max_length=16,
        blank=True,
        validators=[RegexValidator(r"^\+[1-9][0-9]{6,14}$", "Write it as +6591234567 (E.164).")],
        help_text="For an SMS when something cannot wait. Without a number there is none.",
    )
    roles = ArrayField(
        models.CharField(max_length=16, choices=Role), default=list, blank=True, size=len(Role)
    )

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="users_email_unique",
                violation_error_message="Somebody has this e-mail address already.",
            ),
            models.CheckConstraint(
                condition=models.Q(roles__contained_by=Role.values), name="users_roles_known"
            ),
        ]

    def has_role(self, role: Role) -> bool:
        """Whether this account holds `role`."""
        return role in self.roles


class SavedCard(models.Model):
    """A card kept at Stripe; here stand only its names and what a person recognises it by."""

    user = models.OneToOneField(
        User, on_delete=models.CASCADE, primary_key=True, related_name="saved_card"
    )
    stripe_customer_id = models.CharField(max_length=255)
    payment_method_id = models.CharField(max_length=255)
    brand = models.CharField(max_length=32)
    last4 = models.CharField(max_length=4)
    exp_month = models.PositiveSmallIntegerField()
    exp_year = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(last4__regex=r"^[0-9]{4}$"), name="users_card_last4_digits"
            ),
            models.CheckConstraint(
                condition=models.Q(exp_month__range=(1, 12)), name="users_card_month"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.brand} …{self.last4}"


class Transfers(models.TextChoices):
    """Stripe's `capabilities.transfers`: whether money may be sent to the account."""

    INACTIVE = "inactive"
    PENDING = "pending"
    ACTIVE = "active"


class PayoutAccount(models.Model):
    """The connected account at Stripe to which a runner or a restaurant's owner is paid."""

    user = models.OneToOneField(
        User, on_delete=models.PROTECT, primary_key=True, related_name="payout_account"
    )
    stripe_account_id = models.CharField(max_length=255, unique=True)
    transfers = models.CharField(max_length=8, choices=Transfers, default=Transfers.INACTIVE)
    disabled_reason = models.CharField(
        max_length=80, blank=True, help_text="Why, as Stripe names it, if Stripe restricts it."
    )
    gone_at = models.DateTimeField(
        null=True, blank=True, help_text="When it left us, or was closed: it is never paid again."
    )
    checked_at = models.DateTimeField(db_default=Now(), help_text="When Stripe was last asked.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(transfers__in=Transfers.values), name="users_transfers_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stripe_account_id} ({self.transfers})"
