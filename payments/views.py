"""Payments over HTTP, to look at."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import generics

from campusg.api.permissions import sees_all
from payments.models import Payment
from payments.serializers import PaymentSerializer


def seen_by(user: Any) -> QuerySet[Payment]:
    """Operators and services see every payment, customers their own."""
    payments = Payment.objects.all()
    return payments if sees_all(user) else payments.filter(customer_id=user.pk)


class Payments(generics.ListAPIView):
    """Payments, newest first."""

    serializer_class = PaymentSerializer

    def get_queryset(self) -> QuerySet[Payment]:
        """What this user may see."""
        return seen_by(self.request.user)


class OnePayment(generics.RetrieveAPIView):
    """The payment of one order."""

    serializer_class = PaymentSerializer

    def get_queryset(self) -> QuerySet[Payment]:
        """What this user may see."""
        return seen_by(self.request.user)
