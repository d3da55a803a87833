"""Accounts over HTTP: tokens, how often one may try to sign in, and who somebody is."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Protocol
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from campusg.api.throttles import wait_for
from sagas.pay_out import account_updated
from users import services
from users.models import PayoutAccount, Role, SavedCard, Transfers, User
from users.serializers import (
    CardSerializer,
    CardSetupSerializer,
    NewCardSerializer,
    NewPayoutAccountSerializer,
    OnboardingLinkSerializer,
    OnboardingSerializer,
    PairSerializer,
    PayoutAccountSerializer,
    RefreshSerializer,
    UserSerializer,
)

View = Callable[..., HttpResponseBase]


class Token(TokenObtainPairView):
    """Send username and password, get an access and a refresh token."""

    throttle_scopes = {"POST": "login"}

    @extend_schema(responses={200: PairSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Sign in."""
        return super().post(request, *args, **kwargs)

    def throttle_about(self, request: Request) -> str:
        """Counted by address and account together, so that nobody can lock somebody else out."""
        data = request.data if hasattr(request.data, "get") else {}
        return str(data.get("username", ""))[:150]


class RefreshToken(TokenRefreshView):
    """Send a refresh token, get a new pair; each refresh token works once."""

    serializer_class = RefreshSerializer

    @extend_schema(responses={200: PairSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Stay signed in."""
        return super().post(request, *args, **kwargs)


def counted(form: View) -> View:
    """A form to sign in with, each try of which counts like a token request."""

    @wraps(form)
    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            address = BaseThrottle().get_ident(request)  # type: ignore[arg-type]
            seconds = wait_for("login", f"{address}:{request.POST.get('username', '')[:150]}")
            if seconds:
                told = "Too many tries; wait a moment."
                return HttpResponse(told, status=429, headers={"Retry-After": str(seconds)})
        return form(request, *args, **kwargs)

    return view


def seen_by(user: Any) -> QuerySet[User]:
    """Oneself; for operators everybody."""
    if user.is_superuser or user.has_role(Role.OPS):
        return User.objects.all()
    return User.objects.filter(pk=user.pk)


class OneUser(generics.RetrieveAPIView):
    """An account: yours, or for operators anybody's."""

    serializer_class = UserSerializer

    def get_queryset(self) -> QuerySet[User]:
        """What this user may see."""
        return seen_by(self.request.user).select_related("saved_card")


class NewCard(Protocol):
    """A card that was saved at Stripe, as `save_card` wants it."""

    customer_id: str
    payment_method_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


class CardsAtStripe(Protocol):
    """What saves and forgets cards at Stripe; the URLconf knows which app can."""

    def register_customer(self, email: str, payment_method: str, customer: str = "") -> NewCard:
        """Save a card by its name."""

    def begin_setup(self, email: str, user_id: str, customer: str = "") -> str:
        """Begin to save one that its owner has to confirm; a client secret."""

    def finish_setup(self, setup_intent: str, user_id: str) -> NewCard:
        """The card that was so saved."""

    def forget_card(self, payment_method: str) -> None:
        """Let nothing be charged to it any more."""


class PaymentMethod(generics.GenericAPIView):
    """The card that somebody pays with."""

    roles = {"PUT": ("customer",), "DELETE": ("customer",)}
    throttle_scopes = {"PUT": "cards"}
    problems = {"PUT": {"402": "The card's bank, or Stripe, says no."}}
    serializer_class = NewCardSerializer
    cards: CardsAtStripe | None = None

    def get_queryset(self) -> QuerySet[User]:
        """Operators may look; only its owner puts a card there or takes it away."""
        user: Any = self.request.user
        return seen_by(user) if self.request.method == "GET" else User.objects.filter(pk=user.pk)

    @extend_schema(responses=CardSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """What its owner recognises the card by; 404 if there is none."""
        card = get_object_or_404(SavedCard, user=self.get_object())
        return Response(CardSerializer(card).data)

    @extend_schema(responses=CardSerializer)
    def put(self, request: Request, pk: UUID) -> Response:
        """Pay with this card from now on."""
        user = self.get_object()
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        new = self._saved_at_stripe(user, wanted.validated_data)
        card = services.save_card(
            user_id=user.pk,
            stripe_customer_id=new.customer_id,
            payment_method_id=new.payment_method_id,
            brand=new.brand,
            last4=new.last4,
            exp_month=new.exp_month,
            exp_year=new.exp_year,
        )
        return Response(CardSerializer(card).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Pay with this card no more: nothing can be charged to it again."""
        assert self.cards is not None
        user = self.get_object()
        card = get_object_or_404(SavedCard, user=user)
        self.cards.forget_card(card.payment_method_id)
        services.drop_card(user_id=user.pk, payment_method_id=card.payment_method_id)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _saved_at_stripe(self, user: User, wanted: dict[str, str]) -> NewCard:
        assert self.cards is not None
        if "setup_intent" in wanted:
            return self.cards.finish_setup(wanted["setup_intent"], str(user.pk))
        return self.cards.register_customer(user.email, wanted["payment_method"], customer_of(user))


class CardSetup(generics.GenericAPIView):
    """Save a card whose bank may want you to confirm that."""

    roles = {"POST": ("customer",)}
    throttle_scopes = {"POST": "cards"}
    serializer_class = CardSetupSerializer
    cards: CardsAtStripe | None = None

    def get_queryset(self) -> QuerySet[User]:
        """Only one's own."""
        user: Any = self.request.user
        return User.objects.filter(pk=user.pk)

    @extend_schema(request=None, responses=CardSetupSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """A client secret for your browser; then PUT the SetupIntent as your payment method."""
        assert self.cards is not None
        user = self.get_object()
        secret = self.cards.begin_setup(user.email, str(user.pk), customer_of(user))
        return Response(CardSetupSerializer({"client_secret": secret}).data)


def customer_of(user: User) -> str:
    """As whom Stripe knows them; empty when it does not."""
    card = SavedCard.objects.filter(user=user).first()
    return card.stripe_customer_id if card else ""


class OnePayoutAccount(generics.GenericAPIView):
    """The connected account to which a runner or a restaurant's owner is paid."""

    roles = {"PUT": ("ops",)}
    serializer_class = NewPayoutAccountSerializer

    def get_queryset(self) -> QuerySet[User]:
        """One's own; for operators anybody's."""
        return seen_by(self.request.user)

    @extend_schema(responses=PayoutAccountSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Whether money can be sent there; 404 if there is none."""
        return self._shown(get_object_or_404(PayoutAccount, user=self.get_object()))

    @extend_schema(responses=PayoutAccountSerializer)
    def put(self, request: Request, pk: UUID) -> Response:
        """Pay them there from now on."""
        user = self.get_object()
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        account = services.save_payout_account(user_id=user.pk, **wanted.validated_data)
        # What is owed to them and could not be sent is tried again now.
        account_updated(user.pk)
        return self._shown(account)

    def _shown(self, account: PayoutAccount) -> Response:
        context = self.get_serializer_context()
        return Response(PayoutAccountSerializer(account, context=context).data)


class Link(Protocol):
    """A page of Stripe's, good once and for a while."""

    url: str
    expires_at: datetime


class Accounts(Protocol):
    """Connected accounts at Stripe."""

    def register_payee(self, email: str, key: str) -> tuple[str, str]:
        """Open one, once a key; its id, and what it may receive."""

    def onboarding_link(self, account: str, return_url: str) -> Link:
        """The page where its owner says what is missing."""


class OnboardingLink(generics.GenericAPIView):
    """Where a runner or a restaurant's owner tells Stripe who they are, so as to be paid."""

    roles = {"POST": ("runner", "restaurant", "ops")}
    serializer_class = OnboardingSerializer
    #: Opens accounts at Stripe; the URLconf knows which app can.
    accounts: Accounts | None = None

    def get_queryset(self) -> QuerySet[User]:
        """One's own; for operators anybody's."""
        return seen_by(self.request.user)

    @extend_schema(responses={201: OnboardingLinkSerializer})
    def post(self, request: Request, pk: UUID) -> Response:
        """A page of Stripe's, for its account's owner alone; ask again when it has expired. Who has
        no account, or one that is gone, gets a new one."""
        user = self.get_object()
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        assert self.accounts is not None
        account = services.payout_account_of(user_id=user.pk)
        if account is None or account.gone_at:
            after = account.stripe_account_id if account else "first"
            name, transfers = self.accounts.register_payee(
                user.email, f"campusg:account:{user.pk}:{after}"
            )
            account = services.save_payout_account(
                user_id=user.pk, stripe_account_id=name, transfers=Transfers(transfers)
            )
            account_updated(user.pk)
        link = self.accounts.onboarding_link(
            account.stripe_account_id, wanted.validated_data["return_url"]
        )
        return Response(OnboardingLinkSerializer(link).data, status.HTTP_201_CREATED)
