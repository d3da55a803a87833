"""People as the API shows them: never a secret, never an id of Stripe's."""

from typing import cast

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken
from rest_framework_simplejwt.tokens import RefreshToken

from campusg.api.serializers import OpsFields, StrictSerializer
from users.models import PayoutAccount, SavedCard, Transfers, User


class CardSerializer(serializers.ModelSerializer):
    """What a person recognises a card by."""

    class Meta:
        model = SavedCard
        fields = ("brand", "last4", "exp_month", "exp_year")


class UserSerializer(serializers.ModelSerializer):
    """An account."""

    saved_card = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ("id", "username", "roles", "saved_card")

    @extend_schema_field(CardSerializer(allow_null=True))
    def get_saved_card(self, user: User) -> dict[str, object] | None:
        card = getattr(user, "saved_card", None)
        return CardSerializer(card).data if card else None


class NewCardSerializer(StrictSerializer):
    """A card as Stripe's form in the browser names it; its number never comes to us."""

    payment_method = serializers.RegexField(r"^pm_[A-Za-z0-9_]{1,60}$", required=False)
    setup_intent = serializers.RegexField(
        r"^seti_[A-Za-z0-9]{1,60}$", required=False, help_text="Begun here and confirmed there."
    )

    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        """One of the two."""
        if len(attrs) != 1:
            raise serializers.ValidationError("Send a payment_method or a setup_intent.")
        return attrs


class CardSetupSerializer(serializers.Serializer):
    """What saves a card in the browser, with Stripe.js `confirmCardSetup`."""

    client_secret = serializers.CharField()


class PayoutAccountSerializer(OpsFields, serializers.ModelSerializer):
    """Where somebody is paid, and whether Stripe lets money be sent there."""

    stripe_account_id = serializers.CharField(
        required=False, help_text="For operators and services only."
    )

    class Meta:
        model = PayoutAccount
        fields = ("transfers", "disabled_reason", "gone_at", "stripe_account_id")
        ops_fields = ("stripe_account_id",)


class NewPayoutAccountSerializer(StrictSerializer):
    """A connected account, as Stripe names it and says what it may do."""

    stripe_account_id = serializers.RegexField(r"^acct_[A-Za-z0-9_]{1,60}$")
    transfers = serializers.ChoiceField(Transfers.choices, default=Transfers.INACTIVE)


class OnboardingSerializer(StrictSerializer):
    """Where Stripe leads its visitor when it is done with them, or its link has expired."""

    return_url = serializers.URLField(max_length=500)


class OnboardingLinkSerializer(serializers.Serializer):
    """A page of Stripe's, good once."""

    url = serializers.URLField()
    expires_at = serializers.DateTimeField()


class OnceOnly(RefreshToken):
    """A refresh token of which two simultaneous uses are one success and one refusal."""

    def blacklist(self) -> BlacklistedToken:
        """Use it up. Raises TokenError for whoever comes second: the check before this one has
        no lock, the blacklist's unique index decides."""
        # What comes is the pair of get_or_create, whatever simplejwt's annotation says.
        used, first = cast("tuple[BlacklistedToken, bool]", super().blacklist())
        if not first:
            raise TokenError("The refresh token has been used.")
        return used


class RefreshSerializer(TokenRefreshSerializer):
    """A new pair for a refresh token; the old one is used up."""

    token_class = OnceOnly

    def validate(self, attrs: dict[str, object]) -> dict[str, str]:
        """As simplejwt's, for an account that is gone as well."""
        try:
            pair: dict[str, str] = super().validate(attrs)
        except User.DoesNotExist as error:
            raise AuthenticationFailed("No such account.", "no_active_account") from error
        return pair


class PairSerializer(serializers.Serializer):
    """An access token for the next minutes, and a refresh token to get the next one with."""

    access = serializers.CharField()
    refresh = serializers.CharField()
