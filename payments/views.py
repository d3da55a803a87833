"""Payments over HTTP: to look at, and to move by hand."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from campusg.api.permissions import sees_all
from payments.gateway import client_secret
from payments.learning import confirmation_of
from payments.models import Payment
from payments.serializers import (
    ConfirmationSerializer,
    PayeesSerializer,
    PaymentSerializer,
    PaymentsLooking,
)
from sagas.decide_disputed import decide_disputed
from sagas.manual import authorize_payment, capture_payment, release_payment
from sagas.manual_views import ByHand
from sagas.repay_customer import repaid_otherwise


def seen_by(user: Any) -> QuerySet[Payment]:
    """Operators and services see every payment, customers their own."""
    payments = Payment.objects.all()
    return payments if sees_all(user) else payments.filter(customer_id=user.pk)


class Payments(generics.ListAPIView):
    """Payments, newest first."""

    serializer_class = PaymentSerializer

    def get_queryset(self) -> QuerySet[Payment]:
        """What this user may see."""
        return PaymentsLooking.narrow(seen_by(self.request.user), self.request)

    @extend_schema(parameters=[PaymentsLooking])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Payments, newest first."""
        return super().get(request, *args, **kwargs)


class OnePayment(generics.RetrieveAPIView):
    """The payment of one order."""

    serializer_class = PaymentSerializer

    def get_queryset(self) -> QuerySet[Payment]:
        """What this user may see."""
        return seen_by(self.request.user)


class PaymentOfOrder(generics.GenericAPIView):
    """How your order's payment stands, and what confirms it while your bank wants that."""

    roles = {"GET": ("customer",)}
    serializer_class = ConfirmationSerializer
    lookup_field = "order_id"
    lookup_url_kwarg = "pk"

    def get_queryset(self) -> QuerySet[Payment]:
        """One's own only: whoever has the secret can confirm the payment."""
        user: Any = self.request.user
        return Payment.objects.filter(customer_id=user.pk)

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """With a `client_secret`, fetched from Stripe this moment, as long as it needs you."""
        payment = self.get_object()
        intent = confirmation_of(payment)
        secret = client_secret(intent) if intent else None
        told = {"status": payment.status, "client_secret": secret}
        return Response(ConfirmationSerializer(told).data)


class Authorize(ByHand):
    """Hold an order's total on its customer's card."""

    saga = authorize_payment


class Release(ByHand):
    """Give back what is held on the card for an order that comes to nothing."""

    saga = release_payment


class Capture(ByHand):
    """Take the money held for a delivered order."""

    saga = capture_payment


class Repaid(ByHand):
    """Note that a customer whose refund failed was paid otherwise, and how."""

    roles: ClassVar = {"POST": ("ops",)}
    saga = repaid_otherwise


class Disputed(ByHand):
    """Say whether those who were not paid when a dispute was lost are paid all the same."""

    roles: ClassVar = {"POST": ("ops",)}
    serializer_class = PayeesSerializer
    saga = decide_disputed
